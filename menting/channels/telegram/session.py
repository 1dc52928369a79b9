"""One live Telegram bot: what it receives, and the calls that send."""

import json
from typing import Any

import aiohttp
from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.http import proven_not_sent
from menting.channels.telegram import shapes, updates
from menting.channels.telegram.chats import Chats, is_group
from menting.channels.telegram.receive import Receiver
from menting.channels.telegram.shapes import User
from menting.channels.telegram.wire import MovedError, Wire

ALWAYS = Cap.PROFILE | Cap.TEXT | Cap.IMAGE | Cap.BUTTON | Cap.FOLLOW | Cap.INVITE


class TelegramSession(base.Session):
    """A bot that is signed in; `Telegram.open` makes it."""

    def __init__(
        self, wire: Wire, me: User, receiver: Receiver, *, wall: str, hears_joins: bool
    ) -> None:
        self._wire, self._me, self._receiver = wire, me, receiver
        self._wall, self._is_wall_seen = wall, False
        self._chats = Chats()
        walls, joins = Cap.WALL if wall else Cap(0), Cap.JOIN if hears_joins else Cap(0)
        self._caps = ALWAYS | walls | joins

    @property
    @override
    def profile(self) -> base.Profile:
        return updates.profile(self._me)

    @property
    @override
    def caps(self) -> Cap:
        return self._caps

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        await self._receiver.listen(deliver, resume)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        try:
            told = await self._wire.call("getChat", {"chat_id": person})
        except base.Refused:
            return base.Profile(person)  # a stranger, of whom a bot is told nothing
        return updates.profile(shapes.user(told))

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        if not to.id.removeprefix("-").isdecimal():
            raise base.Refused("a conversation has a number")
        return await self._write(to.id, message)

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        if not self._wall or wall.id != self._wall:
            raise base.Unsupported("this is not the account's wall")
        if not self._is_wall_seen:
            await self._look_at_wall()
        return await self._write(wall.id, message)

    @override
    async def invite(self, code: str) -> str:
        """Return the bot's deep link (https://core.telegram.org/bots/features#deep-linking)."""
        if not updates.CODE.fullmatch(code):
            raise base.Refused("a code has 1 to 64 of A-Z, a-z, 0-9, _ and -")
        return f"https://t.me/{self._me.username}?start={code}"

    @override
    async def close(self) -> None:
        """Do nothing: the connections belong to the channel, the token stays good."""

    async def _look_at_wall(self) -> None:
        with proven_not_sent():
            told = await self._wire.call("getChat", {"chat_id": self._wall})
        if not isinstance(told, dict) or told.get("type") != "channel":
            raise base.Refused("a wall must be a channel")
        self._is_wall_seen = True

    async def _write(self, chat: str, message: base.Outgoing) -> base.Receipt:
        self._chats.spend(chat)
        try:
            told = await self._follow(chat, message)
        except base.Throttled as error:
            # Its answer does not say what had enough: in a group it is nearly always the
            # group (20 a minute), and elsewhere the bot as a whole (30 a second).
            wait = error.retry_after
            raise base.Throttled(
                str(error), retry_after=wait, of_peer=is_group(chat)
            ) from error
        return base.Receipt(shapes.sent(told), clock.now())

    async def _follow(self, chat: str, message: base.Outgoing) -> Any:
        try:
            return await self._ask(chat, message)
        except MovedError as error:
            return await self._ask(str(error.chat), message)

    async def _ask(self, chat: str, message: base.Outgoing) -> Any:
        extras = _extras(message)
        if message.image is None:
            body = {"chat_id": chat, "text": message.text, **extras}
            return await self._wire.call("sendMessage", body)
        form = aiohttp.FormData({"chat_id": chat, "caption": message.text})
        for name, value in extras.items():
            form.add_field(name, json.dumps(value))
        form.add_field(
            "photo",
            message.image.content,
            filename="picture",
            content_type=message.image.media_type,
        )
        return await self._wire.call("sendPhoto", form=form)


def _extras(message: base.Outgoing) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if message.buttons:
        rows = [[{"text": one.label, "url": one.url}] for one in message.buttons]
        extras["reply_markup"] = {"inline_keyboard": rows}
    if message.answers is not None:
        _, _, number = message.answers.id.partition(":")
        if number.isdecimal():
            # What was answered may be deleted by now; the answer goes out all the same.
            extras["reply_parameters"] = {
                "message_id": int(number),
                "allow_sending_without_reply": True,
            }
    return extras
