"""What a bot hears over the gateway."""

import pytest

from menting.channels import base, gateway
from menting.channels.base import Cap
from menting.channels.discord import events
from menting.channels.discord.side import CLOSES
from tests.channels.discord.acts import GUILD, bot_of, sign_in, with_options
from tests.contract.discord import DiscordRig
from tests.contract.rig import Heard, listening
from tests.fakes.discord_state import DM, MEMBERS, TEXT
from tests.servers import proxy


async def test_who_comes_and_goes_is_told_of_the_own_guild_alone(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = bot_of(rig, account)
    bot.granted = MEMBERS
    opened = await sign_in(rig, with_options(account, guild=GUILD))
    async with listening(opened) as heard:
        assert Cap.JOIN in opened.caps
        for guild in ("77", GUILD):
            rig.discord.enter(bot, guild, user)
            rig.discord.leave(bot, guild, user)
        await heard.until(lambda now: len(now) >= 2)
    told = [(event.type.value, event.sender.id, event.peer.id) for event in heard.events]
    assert told == [("joined", user.id, GUILD), ("left", user.id, GUILD)]
    assert {event.audience for event in heard.events} == {events.GUILD_AUDIENCE}


async def test_a_bot_without_the_privileged_intent_goes_on_with_less(
    rig: DiscordRig,
) -> None:
    account, user = await rig.account(), rig.discord.user()
    opened = await sign_in(rig, with_options(account, guild=GUILD))
    assert Cap.JOIN in opened.caps  # until the gateway says otherwise
    async with listening(opened) as heard:
        assert Cap.JOIN not in opened.caps
        bot = bot_of(rig, account)
        rig.discord.write(bot, rig.discord.channel(bot, DM), user, content="hello")
        assert await heard.texts(1) == ["hello"]
    asked = [said["d"]["intents"] for said in rig.discord.gateway.greetings]
    assert asked == [1 << 1 | 1 << 9 | 1 << 12, 1 << 9 | 1 << 12]


async def test_in_a_guild_only_what_is_said_to_the_bot_is_heard(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = bot_of(rig, account)
    channel = rig.discord.channel(bot, TEXT, guild="77")
    me = {"mentions": [bot.user.told()]}
    async with listening(await sign_in(rig, account)) as heard:
        rig.discord.write(bot, channel, user, content="among ourselves")
        rig.discord.write(bot, channel, user, content=f"<@{bot.user.id}> hello", **me)
        assert await heard.texts(1) == ["hello"]
    [event] = heard.events
    assert (event.peer.id, event.audience > 1) == (channel.id, True)


async def test_programs_and_a_guilds_own_news_are_not_heard(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = bot_of(rig, account)
    direct = rig.discord.channel(bot, DM)
    async with listening(await sign_in(rig, account)) as heard:
        rig.discord.write(bot, direct, rig.discord.bot().user, content="beep")
        rig.discord.write(bot, direct, user, content="of a webhook", webhook_id="7")
        rig.discord.write(bot, direct, user, content="pinned", type=6)
        rig.discord.write(bot, direct, user, content="an answer", type=19)
        assert await heard.texts(1) == ["an answer"]


async def test_a_session_goes_on_where_it_was_without_a_new_one(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = bot_of(rig, account)
    direct = rig.discord.channel(bot, DM)
    async with listening(await sign_in(rig, account)) as heard:
        rig.discord.write(bot, direct, user, content="before")
        await heard.texts(1)
        await rig.discord.gateway.drop()
        rig.discord.write(bot, direct, user, content="between")
        assert await heard.texts(2) == ["before", "between"]
    assert [said["op"] for said in rig.discord.gateway.greetings] == [2, 6]
    assert bot.starts == 999


async def test_a_day_without_further_sessions_is_waited_out(rig: DiscordRig) -> None:
    account = await rig.account()
    bot_of(rig, account).starts = 0
    with pytest.raises(base.Throttled) as throttled:
        await (await sign_in(rig, account)).listen(Heard().deliver, b"")
    assert throttled.value.retry_after == 14_400


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"message": "401: Unauthorized", "code": 0}', base.AuthFailed),
        (403, b'{"message": "Missing Access", "code": 50001}', base.Unreachable),
        (200, b'{"url": 7}', base.Unreachable),
        (502, b"", base.Unreachable),
    ],
)
async def test_a_gateway_that_is_not_named_ends_the_session(
    rig: DiscordRig, status: int, body: bytes, error: type[Exception]
) -> None:
    opened = await sign_in(rig, await rig.account())
    rig.proxy.once("/gateway/bot", proxy.answer_with(status, body))
    with pytest.raises(error):
        await opened.listen(Heard().deliver, b"")


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        (4004, gateway.Fate.FATAL),
        (4007, gateway.Fate.IDENTIFY),
        (4009, gateway.Fate.IDENTIFY),
        (4011, gateway.Fate.FATAL),
        (4014, gateway.Fate.NARROW),
        (4000, gateway.Fate.RESUME),
        (4008, gateway.Fate.RESUME),
    ],
)
def test_close_codes_mean_what_the_table_says(code: int, fate: gateway.Fate) -> None:
    assert CLOSES.get(code, gateway.Fate.RESUME) is fate
