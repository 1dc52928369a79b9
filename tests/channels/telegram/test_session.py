"""What a bot sends."""

import dataclasses
import json
from typing import Any

import pytest

from menting.channels import base
from menting.channels.base import Button, Image, Inbound, Outgoing, Peer
from menting.channels.http import Http
from menting.channels.telegram import chats
from menting.channels.telegram.wire import Wire
from tests.channels.telegram.acts import bot_of, hear, with_options
from tests.contract.rig import Vault
from tests.contract.telegram import TelegramRig
from tests.servers import proxy


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
        return bot_of(self.rig, self.account).chats[int(self.asked.peer.id)].messages[-1]


@pytest.fixture
async def talk(rig: TelegramRig) -> Talk:
    """Give a conversation that a person opened."""
    account = await rig.account()
    rig.telegram.write(bot_of(rig, account), rig.telegram.user(), text="a question")
    [asked] = await hear(rig, account, 1)
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
    chat = bot_of(talk.rig, talk.account).chats[int(talk.asked.peer.id)]
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
    bot = bot_of(talk.rig, talk.account)
    old, new = (talk.rig.telegram.place(bot, "supergroup") for _ in range(2))
    old.moved_to = new.id
    receipt = await talk.session.send(Peer(str(old.id)), Outgoing("k", "hello"))
    assert talk.rig.telegram.texts(bot, new.id) == ["hello"]
    assert receipt.message_id.startswith(f"{new.id}:")


@pytest.mark.parametrize("kind", ["private", "supergroup"])
async def test_a_flood_in_a_group_is_the_groups_alone(talk: Talk, kind: str) -> None:
    bot = bot_of(talk.rig, talk.account)
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


async def test_no_reason_repeats_an_address_with_the_token_in_it() -> None:
    http = Http()
    wire = Wire(http, "http://localhost:99999", "7:secret")
    with pytest.raises(base.Unreachable) as unreachable:
        await wire.call("getMe")
    assert "secret" not in str(unreachable.value)
    assert unreachable.value.__cause__ is None
    await http.aclose()


async def test_a_wall_must_be_a_channel(rig: TelegramRig) -> None:
    account = await rig.account()
    rig.telegram.place(bot_of(rig, account), "supergroup", username="friends")
    session = await rig.channel.open(with_options(account, wall="@friends"), Vault().keep)
    with pytest.raises(base.Refused, match="channel"):
        await session.post(Peer("@friends", "wall"), Outgoing("k", "hello"))


async def test_a_landing_link_carries_its_code(talk: Talk) -> None:
    username = bot_of(talk.rig, talk.account).username
    assert await talk.session.invite("A-z_9") == f"https://t.me/{username}?start=A-z_9"
    for code in ("", "a" * 65, "a b", "ü"):
        with pytest.raises(base.Refused):
            await talk.session.invite(code)


async def test_one_chat_is_not_flooded_and_others_go_on(talk: Talk) -> None:
    for _ in range(chats.PERSON.burst):
        await talk.send()
    with pytest.raises(base.Throttled) as throttled:
        await talk.send()
    assert throttled.value.of_peer
    assert 0 < throttled.value.retry_after <= 1
    other = talk.rig.telegram.user()
    talk.rig.telegram.write(bot_of(talk.rig, talk.account), other, text="hello")
    await talk.session.send(Peer(str(other.id)), Outgoing("k", "hello"))
