"""What a bot hears by polls."""

import asyncio
import json

import pytest

from menting.channels import base
from menting.channels.base import EventType
from menting.channels.telegram import updates
from tests.channels.telegram.acts import (
    bot_of,
    called_once,
    hear,
    set_webhook,
    with_options,
)
from tests.contract.rig import Heard, Vault, listening
from tests.contract.telegram import TelegramRig
from tests.servers import proxy


@pytest.mark.parametrize(
    ("text", "source"),
    [("/start autumn-1", "autumn-1"), ("/start", ""), ("/start no code", "")],
)
async def test_a_start_opens_the_conversation_and_names_its_link(
    rig: TelegramRig, text: str, source: str
) -> None:
    account, user = await rig.account(), rig.telegram.user()
    rig.telegram.write(bot_of(rig, account), user, text=text)
    joined, written = await hear(rig, account, 2)
    assert (joined.type, joined.source, joined.text) == (EventType.JOINED, source, "")
    assert (written.type, written.source, written.text) == (
        *(EventType.MESSAGE, source, text),
    )
    assert joined.id != written.id


async def test_a_caption_is_a_text(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    rig.telegram.write(bot_of(rig, account), user, photo=photo, caption="our shop")
    rig.telegram.write(bot_of(rig, account), user, photo=photo)
    first, second = await hear(rig, account, 2)
    assert (first.type, first.text) == (EventType.MESSAGE, "our shop")
    assert (second.type, second.text) == (EventType.UNREADABLE, "")


async def test_a_group_is_no_dialogue_and_its_news_are_no_messages(
    rig: TelegramRig,
) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = bot_of(rig, account)
    group = rig.telegram.place(bot, "supergroup")
    rig.telegram.write_in(bot, group, user, new_chat_title="Shop friends")
    rig.telegram.write_in(bot, group, user, sender_chat={"id": -1}, text="of a channel")
    rig.telegram.write_in(bot, group, user, text="yes")
    [event] = await hear(rig, account, 1)
    assert (event.text, event.peer.id) == ("yes", str(group.id))
    assert event.audience > 1


async def test_who_comes_and_goes_is_told_of_own_places_alone(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = bot_of(rig, account)
    own = rig.telegram.place(bot, "supergroup", username="Shop_Friends")
    foreign = rig.telegram.place(bot, "supergroup")
    bot.kinds = tuple(updates.kinds({"@shop_friends"}))
    for place in (foreign, own):
        rig.telegram.move(bot, place, user, before="left", after="member")
        rig.telegram.move(bot, place, user, before="member", after="administrator")
        rig.telegram.move(bot, place, user, before="member", after="left")
    events = await hear(rig, with_options(account, group="@Shop_Friends"), 2)
    assert [event.type for event in events] == [EventType.JOINED, EventType.LEFT]
    assert {event.peer.id for event in events} == {str(own.id)}
    assert {event.sender.id for event in events} == {str(user.id)}


async def test_a_request_to_be_let_in_makes_a_contact(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = bot_of(rig, account)
    own, foreign = (rig.telegram.place(bot, "supergroup") for _ in range(2))
    bot.kinds = tuple(updates.kinds({str(own.id)}))
    for place in (foreign, own):
        request = {"chat": place.told(), "from": user.told(), "date": 1_790_000_000}
        rig.telegram.tell(bot, chat_join_request=request)
    [event] = await hear(rig, with_options(account, group=str(own.id)), 1)
    assert (event.type, event.peer.id) == (EventType.JOINED, str(own.id))


async def test_nothing_is_asked_of_places_that_are_not_named(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    rig.telegram.write(bot_of(rig, account), user, text="hello")
    await hear(rig, account, 1)
    asked = [given for method, given in rig.telegram.calls if method == "getUpdates"]
    assert all(one["allowed_updates"] == ["message", "my_chat_member"] for one in asked)


async def test_who_takes_the_block_away_opened_a_conversation(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = bot_of(rig, account)
    rig.telegram.block(bot, user)
    chat = bot.chats[user.id]
    rig.telegram.change(bot, chat, user, before="kicked", after="member")
    group = rig.telegram.place(bot, "group")
    rig.telegram.change(bot, group, user, before="member", after="left")
    news = rig.telegram.place(bot, "channel")
    rig.telegram.change(bot, news, user, before="left", after="administrator")
    events = await hear(rig, account, 3)
    assert [(event.type.value, event.peer.id) for event in events] == [
        ("left", str(user.id)),
        ("joined", str(user.id)),
        ("left", str(group.id)),
    ]


async def test_an_update_is_acknowledged_only_when_it_is_stored(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = bot_of(rig, account)
    session = await rig.channel.open(account, Vault().keep)
    waiting: list[int] = []

    async def _deliver(events: list[base.Event], _resume: bytes) -> None:
        waiting.extend(len(bot.waiting) for _ in events)

    task = asyncio.create_task(session.listen(_deliver, b""))
    rig.telegram.write(bot, user, text="hello")
    await rig.proxy.until_seen("/getUpdates", 2)
    async with asyncio.timeout(5):
        while bot.waiting:  # noqa: ASYNC110  # the fake has no event for it
            await asyncio.sleep(0.01)
    task.cancel()
    assert waiting == [1]


async def test_updates_without_numbers_end_the_session(rig: TelegramRig) -> None:
    session = await rig.channel.open(await rig.account(), Vault().keep)
    rig.proxy.once("/getUpdates", proxy.answer_with(200, b'{"ok": true, "result": [{}]}'))
    with pytest.raises(base.Unreachable, match="without numbers"):
        await session.listen(Heard().deliver, b"")


async def test_a_second_receiver_is_named_as_the_reason(rig: TelegramRig) -> None:
    account = await rig.account()
    session = await rig.channel.open(account, Vault().keep)
    told = {"ok": False, "error_code": 409, "description": "Conflict: terminated"}
    rig.proxy.once("/getUpdates", proxy.answer_with(409, json.dumps(told).encode()))
    with pytest.raises(base.Unreachable, match="another program polls"):
        await session.listen(Heard().deliver, b"")


async def test_a_webhook_of_another_program_is_left_alone(rig: TelegramRig) -> None:
    account = await rig.account()
    bot = bot_of(rig, account)
    session = await rig.channel.open(account, Vault().keep)
    await set_webhook(rig, bot, "https://other.example/hook")
    with pytest.raises(base.Unreachable, match="webhook of another program"):
        await session.listen(Heard().deliver, b"")
    assert bot.webhook is not None


@pytest.mark.usefixtures("https")
async def test_our_own_webhook_makes_way_for_polls(rig: TelegramRig) -> None:
    account = await rig.account()
    bot = bot_of(rig, account)
    await called_once(rig, account)
    rig.telegram.write(bot, rig.telegram.user(), text="by webhook")
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        rig.telegram.write(bot, rig.telegram.user(), text="by poll")
        assert await heard.texts(1) == ["by poll"]
    assert bot.webhook is None
