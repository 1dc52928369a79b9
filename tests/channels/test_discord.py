"""What is particular to Discord, against the fake that hikari checks."""

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from menting.base import clock
from menting.channels import base, gateway
from menting.channels.base import Button, Cap, EventType, Image, Inbound, Outgoing, Peer
from menting.channels.discord import events, forms, intents, limits
from menting.channels.discord.channel import API, DiscordSecret
from menting.channels.discord.side import CLOSES
from tests.contract.discord import DiscordRig, discord_rig
from tests.contract.rig import Heard, Vault, listening
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_api import LIMIT, WINDOW_SECONDS
from tests.fakes.discord_state import ANNOUNCEMENTS, DM, FORUM, MEMBERS, TEXT, Bot
from tests.servers import proxy

GUILD = "1180123456789012345"


@pytest.fixture
async def rig(discord: FakeDiscord) -> AsyncIterator[DiscordRig]:
    """Give an API behind a proxy, and a gateway."""
    async with discord_rig(discord) as made:
        yield made


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "AFRESH_SECONDS", (0.0, 0.01))


def _with(account: base.Account, **options: str) -> base.Account:
    return dataclasses.replace(account, options={**account.options, **options})


def _bot(rig: DiscordRig, account: base.Account) -> Bot:
    return rig.discord.bots[account.secret["token"]]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"token": ""}, "blanks"),
        ({"token": "MTA\r\nX: y"}, "blanks"),
        ({"token": "MTA", "intents": "everything"}, "no intent 'everything'"),
        ({"token": "MTA", "wall": "#news"}, "an id"),
        ({"token": "MTA", "guild": "0"}, "an id"),
        ({"token": "MTA", "api": "discord.com"}, "http"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DiscordSecret.model_validate(columns)


def test_empty_columns_mean_what_is_usual() -> None:
    columns = DiscordSecret.model_validate({"token": "MTA.x", "api": "", "intents": ""})
    assert (columns.api, intents.bits(columns.intents)) == (API, 1 << 9 | 1 << 12)


def test_an_own_guild_asks_for_who_comes_and_goes() -> None:
    columns = DiscordSecret.model_validate({"token": "MTA.x", "guild": GUILD})
    assert intents.bits(columns.intents) == 1 << 1 | 1 << 9 | 1 << 12


async def test_another_bots_token_is_not_used(rig: DiscordRig) -> None:
    mine, other = await rig.account(), await rig.account()
    with pytest.raises(base.AuthFailed, match="another bot"):
        await rig.channel.open(dataclasses.replace(mine, secret=other.secret), Vault().keep)


async def test_an_address_that_is_no_discord_is_tried_again(rig: DiscordRig) -> None:
    rig.proxy.once("/users/@me", proxy.answer_with(404, b"<html>not here</html>"))
    with pytest.raises(base.Unreachable):
        await rig.channel.open(await rig.account(), Vault().keep)


# Receiving.


async def _listen(rig: DiscordRig, account: base.Account) -> base.Session:
    return await rig.channel.open(account, Vault().keep)


async def test_who_comes_and_goes_is_told_of_the_own_guild_alone(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = _bot(rig, account)
    bot.granted = MEMBERS
    opened = await _listen(rig, _with(account, guild=GUILD))
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
    opened = await _listen(rig, _with(account, guild=GUILD))
    assert Cap.JOIN in opened.caps  # until the gateway says otherwise
    async with listening(opened) as heard:
        assert Cap.JOIN not in opened.caps
        bot = _bot(rig, account)
        rig.discord.write(bot, rig.discord.channel(bot, DM), user, content="hello")
        assert await heard.texts(1) == ["hello"]
    asked = [said["d"]["intents"] for said in rig.discord.gateway.greetings]
    assert asked == [1 << 1 | 1 << 9 | 1 << 12, 1 << 9 | 1 << 12]


async def test_in_a_guild_only_what_is_said_to_the_bot_is_heard(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = _bot(rig, account)
    channel = rig.discord.channel(bot, TEXT, guild="77")
    me = {"mentions": [bot.user.told()]}
    async with listening(await _listen(rig, account)) as heard:
        rig.discord.write(bot, channel, user, content="among ourselves")
        rig.discord.write(bot, channel, user, content=f"<@{bot.user.id}> hello", **me)
        assert await heard.texts(1) == ["hello"]
    [event] = heard.events
    assert (event.peer.id, event.audience > 1) == (channel.id, True)


async def test_programs_and_a_guilds_own_news_are_not_heard(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = _bot(rig, account)
    direct = rig.discord.channel(bot, DM)
    async with listening(await _listen(rig, account)) as heard:
        rig.discord.write(bot, direct, rig.discord.bot().user, content="beep")
        rig.discord.write(bot, direct, user, content="of a webhook", webhook_id="7")
        rig.discord.write(bot, direct, user, content="pinned", type=6)
        rig.discord.write(bot, direct, user, content="an answer", type=19)
        assert await heard.texts(1) == ["an answer"]


async def test_a_session_goes_on_where_it_was_without_a_new_one(rig: DiscordRig) -> None:
    account, user = await rig.account(), rig.discord.user()
    bot = _bot(rig, account)
    direct = rig.discord.channel(bot, DM)
    async with listening(await _listen(rig, account)) as heard:
        rig.discord.write(bot, direct, user, content="before")
        await heard.texts(1)
        await rig.discord.gateway.drop()
        rig.discord.write(bot, direct, user, content="between")
        assert await heard.texts(2) == ["before", "between"]
    assert [said["op"] for said in rig.discord.gateway.greetings] == [2, 6]
    assert bot.starts == 999


async def test_a_day_without_further_sessions_is_waited_out(rig: DiscordRig) -> None:
    account = await rig.account()
    _bot(rig, account).starts = 0
    with pytest.raises(base.Throttled) as throttled:
        await (await _listen(rig, account)).listen(Heard().deliver, b"")
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
    opened = await _listen(rig, await rig.account())
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


# Sending.


@dataclasses.dataclass(slots=True)
class Talk:
    """A session and a person who wrote to it."""

    rig: DiscordRig
    account: base.Account
    session: base.Session
    asked: base.Event

    async def send(self, key: str = "k", **more: Any) -> base.Receipt:
        """Write to the person."""
        return await self.session.send(self.asked.peer, Outgoing(key, "hello", **more))

    def last(self) -> dict[str, Any]:
        """Return what Discord holds of it."""
        return self.bot().channels[self.asked.peer.id].messages[-1]

    def bot(self) -> Bot:
        """Return the account as Discord knows it."""
        return _bot(self.rig, self.account)


@pytest.fixture
async def talk(rig: DiscordRig) -> Talk:
    """Give a conversation that a person opened."""
    account = await rig.account()
    bot, user = _bot(rig, account), rig.discord.user()
    opened = await _listen(rig, account)
    async with listening(opened) as heard:
        direct = rig.discord.channel(bot, DM)
        rig.discord.write(bot, direct, user, content="a question")
        await heard.texts(1)
    return Talk(rig, account, opened, heard.events[0])


async def test_an_answer_quotes_its_question_and_links_are_buttons(talk: Talk) -> None:
    answers = Inbound(talk.asked.id, talk.asked.at)
    buttons = tuple(Button(f"Open {n}", f"https://shop.example/{n}") for n in range(7))
    receipt = await talk.send(answers=answers, buttons=buttons)
    sent = talk.last()
    assert receipt.message_id == sent["id"]
    assert sent["message_reference"]["message_id"] == talk.asked.id
    assert [len(row["components"]) for row in sent["components"]] == [5, 2]
    shown = sent["components"][1]["components"][1]
    assert (shown["label"], shown["url"]) == ("Open 6", "https://shop.example/6")


async def test_an_answer_goes_out_though_its_question_is_gone(talk: Talk) -> None:
    await talk.send(answers=Inbound("1180123456789012345", talk.asked.at))
    assert "message_reference" not in talk.last()


async def test_a_picture_goes_with_its_text_and_its_description(talk: Talk) -> None:
    await talk.send(image=Image(b"\x89PNG", "image/png", "the shop"))
    sent = talk.last()
    [picture] = sent["attachments"]
    assert (sent["content"], picture["size"]) == ("hello", 4)
    assert picture["description"] == "the shop"


async def test_nobody_is_called_by_a_text(talk: Talk) -> None:
    body = forms.message(Outgoing("k", "@everyone <@7>"))
    assert body["allowed_mentions"] == {"parse": []}


@given(st.text(max_size=100))
def test_every_key_makes_a_nonce_that_discord_takes(key: str) -> None:
    assert len(forms.nonce(key)) == 24
    assert forms.nonce(key) == forms.nonce(key) != forms.nonce(key + "x")


def test_a_first_line_is_a_threads_title() -> None:
    body = forms.thread(Outgoing("k", f"\n{'t' * 150}\nthe rest"))
    assert body["name"] == "t" * 100
    assert body["message"]["content"].endswith("the rest")
    assert "nonce" not in body["message"]


@pytest.mark.parametrize(
    ("code", "withdraws"),
    [(50007, True), (50278, False), (50001, False), (50013, False), (10003, False)],
)
async def test_a_refusal_is_for_good_and_a_block_withdraws(
    talk: Talk, code: int, *, withdraws: bool
) -> None:
    talk.bot().channels[talk.asked.peer.id].closed = code
    with pytest.raises(base.Refused, match=str(code)) as refused:
        await talk.send()
    assert (refused.value.permanent, refused.value.withdraws) == (True, withdraws)


async def test_no_conversation_is_opened_with_a_stranger(talk: Talk) -> None:
    stranger = talk.rig.discord.user()
    for place in (stranger.id, "@me", "../users/@me/channels"):
        with pytest.raises(base.Refused):
            await talk.session.send(Peer(place), Outgoing("k", "hello"))
    assert not any("/users/@me/channels" in call for call in talk.rig.discord.api.calls)
    assert (await talk.session.fetch_profile(stranger.id)).name == "Lin"
    assert (await talk.session.fetch_profile("7")).name is None
    assert (await talk.session.fetch_profile("no/id")).name is None


async def test_landing_links_say_nothing_of_who_came_by_them(talk: Talk) -> None:
    assert Cap.INVITE not in talk.session.caps
    with pytest.raises(base.Unsupported):
        await talk.session.invite("code")


async def test_a_picture_of_a_person_is_where_everybody_sees_it(talk: Talk) -> None:
    talk.rig.discord.users[talk.asked.sender.id].avatar = "a_0123"
    seen = await talk.session.fetch_profile(talk.asked.sender.id)
    address = "https://cdn.discordapp.com/avatars"
    assert seen.avatar == f"{address}/{talk.asked.sender.id}/a_0123.png"


@pytest.mark.parametrize("kind", [TEXT, ANNOUNCEMENTS, FORUM])
async def test_a_wall_is_a_channel_or_a_forum(rig: DiscordRig, kind: int) -> None:
    account = await rig.account()
    wall = rig.discord.channel(_bot(rig, account), kind, guild="77").id
    opened = await _listen(rig, _with(account, wall=wall))
    receipt = await opened.post(Peer(wall, "wall"), Outgoing("k", "open on Sunday"))
    assert receipt.message_id
    assert await rig.on_wall(account, wall) == ["open on Sunday"]


async def test_a_conversation_is_no_wall(rig: DiscordRig) -> None:
    account = await rig.account()
    direct = rig.discord.channel(_bot(rig, account), DM).id
    opened = await _listen(rig, _with(account, wall=direct))
    with pytest.raises(base.Refused, match="text channel or a forum"):
        await opened.post(Peer(direct, "wall"), Outgoing("k", "hello"))


# Limits.


async def test_an_empty_bucket_is_not_asked_of(talk: Talk) -> None:
    for number in range(LIMIT):
        await talk.send(f"key-{number}")
    asked = len(talk.rig.discord.api.calls)
    with pytest.raises(base.Throttled) as throttled:
        await talk.send("key-more")
    assert throttled.value.of_peer
    assert 0 < throttled.value.retry_after <= WINDOW_SECONDS
    assert len(talk.rig.discord.api.calls) == asked
    bot = talk.bot()
    other = talk.rig.discord.channel(bot, DM)
    await talk.session.send(Peer(other.id), Outgoing("key-other", "hello"))


def _limited(*, is_global: bool, scope: str = "user") -> proxy.Fault:
    told = {"message": "limited", "retry_after": 4.5, "global": is_global}
    headers = {"Retry-After": "5", "X-RateLimit-Scope": scope}
    return proxy.answer_with(429, json.dumps(told).encode(), headers)


@pytest.mark.parametrize("is_global", [True, False])
async def test_a_wait_is_of_the_bot_or_of_the_channel(
    talk: Talk, *, is_global: bool
) -> None:
    talk.rig.proxy.once("/messages", _limited(is_global=is_global))
    with pytest.raises(base.Throttled) as throttled:
        await talk.send()
    assert throttled.value.retry_after == 4.5
    assert throttled.value.of_peer is not is_global
    with pytest.raises(base.Throttled) as kept:  # without asking again
        await talk.send()
    assert 4 < kept.value.retry_after <= 4.5
    assert (kept.value.of_peer, talk.last()["content"]) == (not is_global, "a question")


async def test_a_whole_ip_that_is_shut_out_waits(talk: Talk) -> None:
    fault = proxy.answer_with(429, b"<html>1015</html>", {"Retry-After": "600"})
    talk.rig.proxy.once("/messages", fault)
    with pytest.raises(base.Throttled) as throttled:
        await talk.send()
    assert (throttled.value.retry_after, throttled.value.of_peer) == (600, False)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, base.AuthFailed), (500, base.Uncertain), (503, base.Uncertain)],
)
async def test_a_token_that_was_reset_needs_an_operator(
    talk: Talk, status: int, error: type[Exception]
) -> None:
    told = b'{"message": "401: Unauthorized", "code": 0}'
    talk.rig.proxy.once("/messages", proxy.answer_with(status, told))
    with pytest.raises(error):
        await talk.send()


async def test_a_message_without_an_id_is_uncertain(talk: Talk) -> None:
    talk.rig.proxy.once("/messages", proxy.answer_with(200, b"{}"))
    with pytest.raises(base.Uncertain):
        await talk.send()


async def test_refusals_of_all_accounts_are_counted_before_the_ip_is_shut_out(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BAD", 3)
    talk.bot().channels[talk.asked.peer.id].closed = 50007
    for _ in range(2):
        with pytest.raises(base.Refused):
            await talk.send()
    talk.rig.proxy.once("/messages", _limited(is_global=False, scope="shared"))
    with pytest.raises(base.Throttled):
        await talk.send()  # is not held against us
    other = await talk.rig.account()
    with pytest.raises(base.AuthFailed):
        await talk.rig.channel.open(talk.rig.wrong(other), Vault().keep)
    asked = len(talk.rig.discord.api.calls)
    with pytest.raises(base.Throttled, match="refused") as throttled:
        await talk.rig.channel.open(other, Vault().keep)
    assert 540 < throttled.value.retry_after <= 660
    assert len(talk.rig.discord.api.calls) == asked


# Whatever comes.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(
            ["id", "channel_id", "author", "content", "type", "guild_id", "mentions",
             "user", "username", "joined_at"]), inner, max_size=8)
    ),
    max_leaves=30,
)  # fmt: skip
KINDS = st.sampled_from(["MESSAGE_CREATE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE", ""])


@given(KINDS, JSON)
def test_no_event_breaks_the_listener(kind: str, body: object) -> None:
    told = events.tell(kind, body, me="7", guild=GUILD)
    assert all(event.at <= clock.now() for event in told)


@given(st.text(max_size=25) | st.integers(0, 10**25).map(str))
def test_a_messages_time_is_in_its_id(snowflake: str) -> None:
    author = {"id": "8", "username": "lin"}
    body = {"id": snowflake, "channel_id": "9", "author": author, "content": "hi"}
    told = events.tell("MESSAGE_CREATE", body, me="7", guild="")
    assert [event.type for event in told] in ([], [EventType.MESSAGE])
    assert all(event.at <= clock.now() for event in told)


def test_the_example_of_the_documentation_is_read_rightly() -> None:
    author = {"id": "8", "username": "lin"}
    body = {"id": "175928847299117063", "channel_id": "9", "author": author}
    [event] = events.tell("MESSAGE_CREATE", body, me="7", guild="")
    assert event.at.isoformat(timespec="milliseconds") == "2016-04-30T11:18:25.796+00:00"
    assert event.type is EventType.UNREADABLE
