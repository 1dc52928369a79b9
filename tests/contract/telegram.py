"""The Telegram channel's rig: a fake Bot API behind a proxy."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from menting.channels import http
from menting.channels.base import Account
from menting.channels.telegram.channel import Telegram
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import Bot, User
from tests.servers import proxy
from tests.servers.proxy import Held, Proxy, rewrite

_numbers = itertools.count(1)


class TelegramHuman:
    """A person with a Telegram app."""

    def __init__(self, telegram: FakeTelegram, user: User) -> None:
        self._telegram, self._user = telegram, user
        self._bot: Bot | None = None

    @property
    def id(self) -> str:
        """Return the person's number."""
        return str(self._user.id)

    async def greet(self, account: Account, text: str) -> str:
        """Write to the bot; the place is the person's own number."""
        self._bot = self._telegram.bots[account.secret["token"]]
        self._telegram.write(self._bot, self._user, text=text)
        return self.id

    async def write(self, _place: str, text: str) -> None:
        """Write a text."""
        self._telegram.write(self._talks_to(), self._user, text=text)

    async def write_unreadable(self, _place: str) -> None:
        """Send a sticker."""
        sticker = {"file_id": "f", "file_unique_id": "u", "emoji": "👍"}
        self._telegram.write(self._talks_to(), self._user, sticker=sticker)

    async def rename(self, name: str) -> None:
        """Take a new name; Telegram tells it with the next message."""
        self._user.first_name = name

    async def leave(self, _place: str) -> None:
        """Block the bot."""
        self._telegram.block(self._talks_to(), self._user)

    async def put_out(self, _place: str, account: Account) -> None:
        """Block the bot."""
        self._telegram.block(self._telegram.bots[account.secret["token"]], self._user)

    async def received(self, place: str, account: Account) -> list[str]:
        """Return what stands in the chat."""
        bot = self._telegram.bots[account.secret["token"]]
        return self._telegram.texts(bot, int(place))

    def _talks_to(self) -> Bot:
        assert self._bot is not None
        return self._bot


class TelegramRig:
    """Bots poll through the proxy; people are the fake's own."""

    able = frozenset(
        {"names", "history", "unseen", "retold", "renames", "leaves", "unreadable"}
        | {"removal", "throttles", "wall", "twice"}
    )
    most = 1_000
    nowhere = "404"
    send_part = "/sendMessage"
    listen_part = "/getUpdates"

    def __init__(self, telegram: FakeTelegram, between: Proxy) -> None:
        self.telegram, self.proxy = telegram, between
        self.channel = Telegram()

    async def account(self, name: str = "Shop") -> Account:
        """Make a bot with that name."""
        bot = self.telegram.bot(name)
        secret = {"token": bot.token}
        options = {"api": self.proxy.url}
        return Account(next(_numbers), str(bot.id), name, secret=secret, options=options)

    async def human(self) -> TelegramHuman:
        """Make a person."""
        return TelegramHuman(self.telegram, self.telegram.user())

    def wrong(self, account: Account) -> Account:
        """Return the bot with a token that is not its own."""
        token = f"{account.handle}:AAE-wrong-token"
        return dataclasses.replace(account, secret={"token": token})

    async def lose(self) -> None:
        """Stop listening."""
        await self.proxy.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.proxy.come_back()

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every call."""
        patch.setattr(http, "CALL_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before Telegram."""
        return self.proxy.hold_request(self.send_part)

    def hold_answer(self) -> Held:
        """Stand behind Telegram."""
        return self.proxy.hold_answer(self.send_part)

    def cut_answer(self) -> None:
        """Break off."""
        self.proxy.once(self.send_part, proxy.cut_answer)

    def throttle(self, seconds: float) -> None:
        """Answer as Telegram does, in whole seconds."""
        told = {
            "ok": False,
            "error_code": 429,
            "description": f"Too Many Requests: retry after {round(seconds)}",
            "parameters": {"retry_after": round(seconds)},
        }
        fault = proxy.answer_with(429, json.dumps(told).encode())
        self.proxy.once(self.send_part, fault)

    def garble(self) -> None:
        """Answer the next poll with half of one."""
        fault = proxy.answer_with(200, b'{"ok": true, "result": [{"upd')
        self.proxy.once(self.listen_part, fault)

    def spoil_events(self) -> None:
        """Put updates without form before all that come from now on."""

        def _spoil(raw: bytes) -> bytes:
            told = json.loads(raw)
            if real := told.get("result"):
                strange = {"update_id": 7, "message": {"message_id": "x", "text": ["no"]}}
                told["result"] = [None, {}, {"update_id": "x"}, strange, *real]
            return json.dumps(told).encode()

        self.proxy.always(self.listen_part, rewrite(_spoil))

    def tell_twice(self) -> None:
        """Repeat every update."""

        def _twice(raw: bytes) -> bytes:
            told = json.loads(raw)
            result: list[Any] = told.get("result", [])
            told["result"] = [update for update in result for _ in range(2)]
            return json.dumps(told).encode()

        self.proxy.always(self.listen_part, rewrite(_twice))

    async def walled(self) -> tuple[Account, str]:
        """Make a bot with a channel."""
        account = await self.account()
        bot = self.telegram.bots[account.secret["token"]]
        name = f"news_{bot.id}"
        self.telegram.place(bot, "channel", username=name)
        options = {**account.options, "wall": f"@{name}"}
        return dataclasses.replace(account, options=options), f"@{name}"

    async def on_wall(self, account: Account, wall: str) -> list[str]:
        """Return the channel's posts."""
        bot = self.telegram.bots[account.secret["token"]]
        [channel] = [one for one in bot.chats.values() if f"@{one.username}" == wall]
        return self.telegram.texts(bot, channel.id)


@contextlib.asynccontextmanager
async def telegram_rig(telegram: FakeTelegram) -> AsyncIterator[TelegramRig]:
    """Give a rig with a proxy of its own."""
    between = Proxy(telegram.url)
    async with telegram.running(), between.running():
        rig = TelegramRig(telegram, between)
        yield rig
        await rig.channel.aclose()
