"""What is particular to Telegram, against the fake Bot API that aiogram checks."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from menting.base import clock, config
from menting.channels import base, hook
from menting.channels.base import Button, Cap, EventType, Image, Inbound, Outgoing, Peer
from menting.channels.telegram import channel, chats, receive, updates
from menting.channels.telegram.channel import Telegram, TelegramSecret
from menting.channels.telegram.chats import Chats
from tests.contract.rig import Heard, Vault, listening
from tests.contract.telegram import TelegramRig, telegram_rig
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import Bot
from tests.servers import proxy

TOKEN = "7042137000:AAE-x_y"


@pytest.fixture
async def rig(telegram: FakeTelegram) -> AsyncIterator[TelegramRig]:
    """Give a Bot API behind a proxy."""
    async with telegram_rig(telegram) as made:
        yield made


def _with(account: base.Account, **options: str) -> base.Account:
    return dataclasses.replace(account, options={**account.options, **options})


def _bot(rig: TelegramRig, account: base.Account) -> Bot:
    return rig.telegram.bots[account.secret["token"]]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"token": "AAE"}, "NUMBER:LETTERS"),
        ({"token": f"{TOKEN}/../getMe"}, "NUMBER:LETTERS"),
        ({"token": TOKEN, "wall": "t.me/shop"}, "@NAME"),
        ({"token": TOKEN, "group": "1234"}, "-100"),
        ({"token": TOKEN, "api": "api.telegram.org"}, "http"),
        ({"token": TOKEN, "receive": "pigeon"}, "poll"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TelegramSecret.model_validate(columns)


def test_empty_columns_mean_what_is_usual() -> None:
    secret = TelegramSecret.model_validate({"token": TOKEN, "receive": "", "api": ""})
    assert (secret.receive, secret.api) == ("poll", channel.API)


async def test_another_bots_token_is_not_used(rig: TelegramRig) -> None:
    mine, other = await rig.account(), await rig.account()
    with pytest.raises(base.AuthFailed, match="another bot"):
        await rig.channel.open(dataclasses.replace(mine, secret=other.secret), Vault().keep)


async def test_an_address_that_is_no_bot_api_is_tried_again(rig: TelegramRig) -> None:
    rig.proxy.once("/getMe", proxy.answer_with(404, b"<html>not here</html>"))
    with pytest.raises(base.Unreachable):
        await rig.channel.open(await rig.account(), Vault().keep)


async def test_a_bot_may_do_no_more_than_its_line_names(rig: TelegramRig) -> None:
    account = await rig.account()
    session = await rig.channel.open(account, Vault().keep)
    assert not session.caps & (Cap.WALL | Cap.JOIN)
    session = await rig.channel.open(_with(account, wall="@shop_news"), Vault().keep)
    assert session.caps == Telegram.caps
    session = await rig.channel.open(_with(account, group="-1001234567890"), Vault().keep)
    assert session.caps == Telegram.caps & ~Cap.WALL


# Receiving.


async def _hear(rig: TelegramRig, account: base.Account, count: int) -> list[base.Event]:
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        return await heard.until(lambda now: len(now) >= count)


@pytest.mark.parametrize(
    ("text", "source"),
    [("/start autumn-1", "autumn-1"), ("/start", ""), ("/start no code", "")],
)
async def test_a_start_opens_the_conversation_and_names_its_link(
    rig: TelegramRig, text: str, source: str
) -> None:
    account, user = await rig.account(), rig.telegram.user()
    rig.telegram.write(_bot(rig, account), user, text=text)
    joined, written = await _hear(rig, account, 2)
    assert (joined.type, joined.source, joined.text) == (EventType.JOINED, source, "")
    assert (written.type, written.source, written.text) == (
        *(EventType.MESSAGE, source, text),
    )
    assert joined.id != written.id


async def test_a_caption_is_a_text(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    rig.telegram.write(_bot(rig, account), user, photo=photo, caption="our shop")
    rig.telegram.write(_bot(rig, account), user, photo=photo)
    first, second = await _hear(rig, account, 2)
    assert (first.type, first.text) == (EventType.MESSAGE, "our shop")
    assert (second.type, second.text) == (EventType.UNREADABLE, "")


async def test_a_group_is_no_dialogue_and_its_news_are_no_messages(
    rig: TelegramRig,
) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = _bot(rig, account)
    group = rig.telegram.place(bot, "supergroup")
    rig.telegram.write_in(bot, group, user, new_chat_title="Shop friends")
    rig.telegram.write_in(bot, group, user, sender_chat={"id": -1}, text="of a channel")
    rig.telegram.write_in(bot, group, user, text="yes")
    [event] = await _hear(rig, account, 1)
    assert (event.text, event.peer.id) == ("yes", str(group.id))
    assert event.audience > 1


async def test_who_comes_and_goes_is_told_of_own_places_alone(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = _bot(rig, account)
    own = rig.telegram.place(bot, "supergroup", username="Shop_Friends")
    foreign = rig.telegram.place(bot, "supergroup")
    bot.kinds = tuple(updates.kinds({"@shop_friends"}))
    for place in (foreign, own):
        rig.telegram.move(bot, place, user, before="left", after="member")
        rig.telegram.move(bot, place, user, before="member", after="administrator")
        rig.telegram.move(bot, place, user, before="member", after="left")
    events = await _hear(rig, _with(account, group="@Shop_Friends"), 2)
    assert [event.type for event in events] == [EventType.JOINED, EventType.LEFT]
    assert {event.peer.id for event in events} == {str(own.id)}
    assert {event.sender.id for event in events} == {str(user.id)}


async def test_a_request_to_be_let_in_makes_a_contact(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = _bot(rig, account)
    own, foreign = (rig.telegram.place(bot, "supergroup") for _ in range(2))
    bot.kinds = tuple(updates.kinds({str(own.id)}))
    for place in (foreign, own):
        request = {"chat": place.told(), "from": user.told(), "date": 1_790_000_000}
        rig.telegram.tell(bot, chat_join_request=request)
    [event] = await _hear(rig, _with(account, group=str(own.id)), 1)
    assert (event.type, event.peer.id) == (EventType.JOINED, str(own.id))


async def test_nothing_is_asked_of_places_that_are_not_named(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    rig.telegram.write(_bot(rig, account), user, text="hello")
    await _hear(rig, account, 1)
    asked = [given for method, given in rig.telegram.calls if method == "getUpdates"]
    assert all(one["allowed_updates"] == ["message", "my_chat_member"] for one in asked)


async def test_who_takes_the_block_away_opened_a_conversation(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = _bot(rig, account)
    rig.telegram.block(bot, user)
    chat = bot.chats[user.id]
    rig.telegram.change(bot, chat, user, before="kicked", after="member")
    group = rig.telegram.place(bot, "group")
    rig.telegram.change(bot, group, user, before="member", after="left")
    news = rig.telegram.place(bot, "channel")
    rig.telegram.change(bot, news, user, before="left", after="administrator")
    events = await _hear(rig, account, 3)
    assert [(event.type.value, event.peer.id) for event in events] == [
        ("left", str(user.id)),
        ("joined", str(user.id)),
        ("left", str(group.id)),
    ]


async def test_an_update_is_acknowledged_only_when_it_is_stored(rig: TelegramRig) -> None:
    account, user = await rig.account(), rig.telegram.user()
    bot = _bot(rig, account)
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
    bot = _bot(rig, account)
    session = await rig.channel.open(account, Vault().keep)
    await _set_webhook(rig, bot, "https://other.example/hook")
    with pytest.raises(base.Unreachable, match="webhook of another program"):
        await session.listen(Heard().deliver, b"")
    assert bot.webhook is not None


@pytest.mark.usefixtures("https")
async def test_our_own_webhook_makes_way_for_polls(rig: TelegramRig) -> None:
    account = await rig.account()
    bot = _bot(rig, account)
    await _called(rig, account)
    rig.telegram.write(bot, rig.telegram.user(), text="by webhook")
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        rig.telegram.write(bot, rig.telegram.user(), text="by poll")
        assert await heard.texts(1) == ["by poll"]
    assert bot.webhook is None


async def _set_webhook(rig: TelegramRig, bot: Bot, url: str) -> None:
    address = f"{rig.proxy.url}/bot{bot.token}/setWebhook"
    client = rig.channel._http  # any HTTP client will do
    answer = await client.ask("POST", address, json={"url": url})
    assert answer.status == 200


# Webhooks.


@pytest.fixture
def https(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let people reach this installation by https."""
    monkeypatch.setenv("MENTING_PUBLIC_URL", "https://shop.example")
    config.current.cache_clear()
    yield
    monkeypatch.undo()
    config.current.cache_clear()


async def _called(rig: TelegramRig, account: base.Account) -> Heard:
    """Let a bot receive by webhook, and return what its session delivered."""
    heard = Heard()
    session = await rig.channel.open(_with(account, receive="webhook"), Vault().keep)
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    task.cancel()
    return heard


def _hook(account: base.Account, headers: dict[str, str], body: bytes) -> hook.Hook:
    return hook.Hook("POST", account.handle, {}, headers, body, clock.now())


@pytest.fixture
async def called(
    rig: TelegramRig, https: None
) -> tuple[base.Account, dict[str, str], bytes]:
    """Give a bot, and the headers and body of a webhook that Telegram sent for it."""
    account = await rig.account()
    await _called(rig, account)
    bot = _bot(rig, account)
    rig.telegram.write(bot, rig.telegram.user("Lin"), text="hello")
    return account, *bot.called[-1]


@pytest.mark.usefixtures("https")
async def test_a_webhook_is_set_where_menting_listens(rig: TelegramRig) -> None:
    account = await rig.account()
    heard = await _called(rig, account)
    webhook = _bot(rig, account).webhook
    assert webhook is not None
    assert webhook.url == f"https://shop.example/hooks/telegram/{account.handle}"
    assert webhook.secret == channel.hook_secret(account.secret["token"])
    assert account.secret["token"] not in webhook.secret
    assert (heard.events, bool(heard.resume)) == ([], True)


async def test_a_webhook_that_telegram_refuses_waits_for_an_operator(
    rig: TelegramRig,
) -> None:
    account = _with(await rig.account(), receive="webhook")  # public_url is no https here
    session = await rig.channel.open(account, Vault().keep)
    with pytest.raises(base.AuthFailed, match="HTTPS URL must be provided"):
        await session.listen(Heard().deliver, b"")


@pytest.mark.usefixtures("https")
async def test_a_webhook_that_was_taken_over_ends_the_session(
    rig: TelegramRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await rig.account()
    monkeypatch.setattr(receive, "LOOK_SECONDS", 0.05)
    session = await rig.channel.open(_with(account, receive="webhook"), Vault().keep)
    heard = Heard()
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    await _set_webhook(rig, _bot(rig, account), "https://other.example/")
    with pytest.raises(base.Unreachable, match="took the webhook over"):
        await asyncio.wait_for(task, 5)


async def test_a_proven_webhook_tells_what_a_poll_would(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes]
) -> None:
    account, headers, body = called
    incoming = _hook(account, headers, body)
    assert rig.channel.addressee(incoming) == account.handle
    answer = rig.channel.take_hook(incoming, account)
    [event] = answer.events[account.handle]
    assert (answer.status, event.text, event.sender.name) == (200, "hello", "Lin")
    assert answer.events == rig.channel.take_hook(incoming, account).events


async def test_a_forged_webhook_is_not_parsed(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes]
) -> None:
    account, _, _ = called
    for proof in ("", "wrong", "wröng"):
        headers = {channel.SECRET_HEADER: proof}
        with pytest.raises(hook.ForgedError):
            rig.channel.take_hook(_hook(account, headers, b"no JSON"), account)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"update_id": "x"}'])
async def test_a_proven_webhook_without_an_update_is_malformed(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes], body: bytes
) -> None:
    account, headers, _ = called
    with pytest.raises(hook.MalformedError):
        rig.channel.take_hook(_hook(account, headers, body), account)


def test_a_webhook_for_nobody_is_malformed() -> None:
    incoming = hook.Hook("POST", "../7", {}, {}, b"{}", clock.now())
    with pytest.raises(hook.MalformedError):
        Telegram().addressee(incoming)


# Sending.


@dataclasses.dataclass(slots=True)
class Talk:
    """A session and a person who wrote to it."""

    rig: TelegramRig
    account: base.Account
    session: base.Session
    asked: base.Event

    async def send(self, **more: Any) -> base.Receipt:
        """Write to the person."""
        return await self.session.send(self.asked.peer, Outgoing("k", "hello", **more))

    def last(self) -> dict[str, Any]:
        """Return what Telegram holds of it."""
        return _bot(self.rig, self.account).chats[int(self.asked.peer.id)].messages[-1]


@pytest.fixture
async def talk(rig: TelegramRig) -> Talk:
    """Give a conversation that a person opened."""
    account = await rig.account()
    rig.telegram.write(_bot(rig, account), rig.telegram.user(), text="a question")
    [asked] = await _hear(rig, account, 1)
    return Talk(rig, account, await rig.channel.open(account, Vault().keep), asked)


async def test_an_answer_quotes_its_question_and_links_are_buttons(talk: Talk) -> None:
    answers = Inbound(talk.asked.id, talk.asked.at)
    button = Button("Open", "https://shop.example/")
    receipt = await talk.send(answers=answers, buttons=(button,))
    sent = talk.last()
    assert receipt.message_id == f"{talk.asked.peer.id}:{sent['message_id']}"
    assert sent["reply_to_message"]["text"] == "a question"
    [[shown]] = sent["reply_markup"]["inline_keyboard"]
    assert shown == {"text": "Open", "url": "https://shop.example/"}


async def test_an_answer_goes_out_though_its_question_is_gone(talk: Talk) -> None:
    for gone in (f"{talk.asked.peer.id}:1", "4711"):
        await talk.send(answers=Inbound(gone, talk.asked.at))
        assert "reply_to_message" not in talk.last()


async def test_a_picture_goes_with_its_text_in_one_message(talk: Talk) -> None:
    image = Image(b"\x89PNG", "image/png", "the shop")
    button = Button("Open", "https://shop.example/")
    await talk.send(image=image, buttons=(button,))
    sent = talk.last()
    assert (sent["caption"], sent["photo"][0]["file_size"]) == ("hello", 4)
    assert sent["reply_markup"]["inline_keyboard"][0][0]["text"] == "Open"


@pytest.mark.parametrize(
    ("description", "withdraws"),
    [
        ("Forbidden: bot was blocked by the user", True),
        ("Forbidden: bot was kicked from the supergroup chat", False),
        ("Forbidden: bot is not a member of the channel chat", False),
        ("Bad Request: not enough rights to send text messages to the chat", False),
    ],
)
async def test_a_refusal_is_for_good_and_a_block_withdraws(
    talk: Talk, description: str, *, withdraws: bool
) -> None:
    chat = _bot(talk.rig, talk.account).chats[int(talk.asked.peer.id)]
    chat.closed = description
    with pytest.raises(base.Refused, match=description.partition(": ")[2]) as refused:
        await talk.send()
    assert (refused.value.permanent, refused.value.withdraws) == (True, withdraws)


async def test_an_account_that_is_gone_withdraws(talk: Talk) -> None:
    talk.rig.telegram.users[int(talk.asked.sender.id)].is_deleted = True
    with pytest.raises(base.Refused, match="deactivated") as refused:
        await talk.send()
    assert refused.value.withdraws


async def test_a_stranger_cannot_be_written_to(talk: Talk) -> None:
    stranger = talk.rig.telegram.user()
    with pytest.raises(base.Refused, match="initiate") as refused:
        await talk.session.send(Peer(str(stranger.id)), Outgoing("k", "hello"))
    assert not refused.value.withdraws
    with pytest.raises(base.Refused, match="number"):
        await talk.session.send(Peer("@somebody"), Outgoing("k", "hello"))
    assert (await talk.session.fetch_profile(str(stranger.id))).name is None


async def test_a_group_that_moved_is_followed_at_once(talk: Talk) -> None:
    bot = _bot(talk.rig, talk.account)
    old, new = (talk.rig.telegram.place(bot, "supergroup") for _ in range(2))
    old.moved_to = new.id
    receipt = await talk.session.send(Peer(str(old.id)), Outgoing("k", "hello"))
    assert talk.rig.telegram.texts(bot, new.id) == ["hello"]
    assert receipt.message_id.startswith(f"{new.id}:")


@pytest.mark.parametrize("kind", ["private", "supergroup"])
async def test_a_flood_in_a_group_is_the_groups_alone(talk: Talk, kind: str) -> None:
    bot = _bot(talk.rig, talk.account)
    private = bot.chats[int(talk.asked.peer.id)]
    chat = private if kind == "private" else talk.rig.telegram.place(bot, kind)
    talk.rig.telegram.flood(chat.id, 17)
    with pytest.raises(base.Throttled) as throttled:
        await talk.session.send(Peer(str(chat.id)), Outgoing("k", "hello"))
    assert throttled.value.retry_after == 17
    assert throttled.value.of_peer is (kind != "private")


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, base.AuthFailed), (404, base.AuthFailed), (500, base.Uncertain)],
)
async def test_a_token_that_was_revoked_needs_an_operator(
    talk: Talk, status: int, error: type[Exception]
) -> None:
    told = {"ok": False, "error_code": status, "description": "Unauthorized"}
    fault = proxy.answer_with(status, json.dumps(told).encode())
    talk.rig.proxy.once("/sendMessage", fault)
    with pytest.raises(error):
        await talk.send()


async def test_no_reason_repeats_the_token(talk: Talk) -> None:
    token = talk.account.secret["token"]
    told = {"ok": False, "error_code": 400, "description": f"Bad Request: {token}"}
    talk.rig.proxy.once("/sendMessage", proxy.answer_with(400, json.dumps(told).encode()))
    with pytest.raises(base.Refused) as refused:
        await talk.send()
    assert token not in str(refused.value)


async def test_a_wall_must_be_a_channel(rig: TelegramRig) -> None:
    account = await rig.account()
    rig.telegram.place(_bot(rig, account), "supergroup", username="friends")
    session = await rig.channel.open(_with(account, wall="@friends"), Vault().keep)
    with pytest.raises(base.Refused, match="channel"):
        await session.post(Peer("@friends", "wall"), Outgoing("k", "hello"))


async def test_a_landing_link_carries_its_code(talk: Talk) -> None:
    username = _bot(talk.rig, talk.account).username
    assert await talk.session.invite("A-z_9") == f"https://t.me/{username}?start=A-z_9"
    for code in ("", "a" * 65, "a b", "ü"):
        with pytest.raises(base.Refused):
            await talk.session.invite(code)


# Limits of a chat.


async def test_one_chat_is_not_flooded_and_others_go_on(talk: Talk) -> None:
    for _ in range(chats.PERSON.burst):
        await talk.send()
    with pytest.raises(base.Throttled) as throttled:
        await talk.send()
    assert throttled.value.of_peer
    assert 0 < throttled.value.retry_after <= 1
    other = talk.rig.telegram.user()
    talk.rig.telegram.write(_bot(talk.rig, talk.account), other, text="hello")
    await talk.session.send(Peer(str(other.id)), Outgoing("k", "hello"))


START = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.lists(st.integers(0, 9_000), max_size=80), st.sampled_from(["7", "-1007"]))
def test_whatever_the_order_no_minute_of_a_chat_has_too_many(
    gaps: list[int], chat: str
) -> None:
    now, sent, kept = START, [], Chats()
    waits: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        for gap in gaps:
            now += timedelta(milliseconds=gap)
            patch.setattr(clock, "now", lambda now=now: now)
            try:
                kept.spend(chat)
            except base.Throttled as error:
                waits.append(error.retry_after)
            else:
                sent.append(now)
    assert all(0 < wait <= 3 for wait in waits)
    most = 20 if chat.startswith("-") else 60 + chats.PERSON.burst
    for start in sent:
        within = [at for at in sent if start <= at < start + timedelta(minutes=1)]
        assert len(within) <= most


def test_chats_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Chats()
    for number in range(5_000):
        at = START + timedelta(seconds=number / 30)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        kept.spend(str(number))
    assert len(kept) <= chats.MOST_CHATS + 1


# Whatever comes.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(
            ["update_id", "message", "chat", "from", "id", "date", "type", "text",
             "message_id", "my_chat_member", "old_chat_member", "new_chat_member",
             "status", "user"]), inner, max_size=6)
    ),
    max_leaves=30,
)  # fmt: skip


@given(JSON)
def test_no_update_breaks_the_listener(raw: object) -> None:
    events = updates.tell(raw, places=frozenset({"-1001"}))
    assert all(event.at <= clock.now() for event in events)
    assert updates.number(raw) >= -1 or isinstance(raw, dict)
