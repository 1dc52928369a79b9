"""The QQ channel's rig: a fake platform; its API behind a proxy, its gateway open."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator

import pytest

from menting.channels import http
from menting.channels.base import Account
from menting.channels.qq.channel import QQ
from tests.fakes.qq import FakeQQ
from tests.fakes.qq_api import Bot
from tests.servers import proxy
from tests.servers.proxy import Held, Proxy

_numbers = itertools.count(1)


class QQHuman:
    """A person with QQ, whom every bot knows by another openid; here there is one bot."""

    def __init__(self, platform: FakeQQ) -> None:
        self._platform = platform
        self.id = platform.openid()
        self._bot: Bot | None = None

    async def greet(self, account: Account, text: str) -> str:
        """Add the bot and write to it."""
        self._bot = self._platform.bots[account.handle]
        await self._platform.befriend(self._bot, self.id)
        await self.write("", text)
        return f"c2c:{self.id}"

    async def write(self, _place: str, text: str) -> None:
        """Write a text."""
        await self._platform.write(self._talks_to(), self.id, text)

    async def write_unreadable(self, _place: str) -> None:
        """Send a voice message."""
        voice = {"content_type": "voice", "url": "https://multimedia.nt.qq.com.cn/x"}
        await self._platform.write(self._talks_to(), self.id, "", attachments=[voice])

    async def rename(self, name: str) -> None:
        """Do nothing: QQ does not tell a bot what people are called ("renames")."""

    async def leave(self, _place: str) -> None:
        """Remove the bot."""
        await self._platform.unfriend(self._talks_to(), self.id)

    async def put_out(self, _place: str, _account: Account) -> None:
        """Remove the bot."""
        await self._platform.unfriend(self._talks_to(), self.id)

    async def received(self, place: str, account: Account) -> list[str]:
        """Return what stands in the conversation."""
        known = self._platform.bots[account.handle].places[place]
        return [message.text for message in known.messages]

    def _talks_to(self) -> Bot:
        assert self._bot is not None
        return self._bot


class QQRig:
    """Bots call the API through the proxy and connect to the gateway itself."""

    able = frozenset(
        {"names", "history", "retold", "leaves", "unreadable", "removal", "throttles"}
        | {"wall", "twice"}
    )
    most = 1_000
    nowhere = "group:nowhere"
    send_part = "/messages"

    def __init__(self, platform: FakeQQ, between: Proxy) -> None:
        self.platform, self.proxy = platform, between
        self.channel = QQ()

    async def account(self, name: str = "Shop") -> Account:
        """Make a bot with that name."""
        bot = self.platform.bot(name)
        options = {"api": self.proxy.url}
        secret = {"secret": bot.secret}
        return Account(next(_numbers), bot.appid, name, secret=secret, options=options)

    async def human(self) -> QQHuman:
        """Make a person."""
        return QQHuman(self.platform)

    def wrong(self, account: Account) -> Account:
        """Return the bot with a secret that is not its own."""
        return dataclasses.replace(account, secret={"secret": "wrong"})

    async def lose(self) -> None:
        """Stop listening, API and gateway."""
        await self.proxy.go_away()
        await self.platform.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.platform.come_back()
        await self.proxy.come_back()

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every call."""
        patch.setattr(http, "CALL_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before QQ."""
        return self.proxy.hold_request(self.send_part)

    def hold_answer(self) -> Held:
        """Stand behind QQ."""
        return self.proxy.hold_answer(self.send_part)

    def cut_answer(self) -> None:
        """Break off."""
        self.proxy.once(self.send_part, proxy.cut_answer)

    def throttle(self, seconds: float) -> None:
        """Answer as the gateway before the API does, in whole seconds."""
        told = {"message": "too many requests", "code": 22009, "err_code": 22009}
        wait = {"Retry-After": str(round(seconds))}
        fault = proxy.answer_with(429, json.dumps(told).encode(), wait)
        self.proxy.once(self.send_part, fault)

    def garble(self) -> None:
        """Greet the next connection with half a frame."""
        self.platform.garbage = '{"op":10,"d":{"heart'

    def spoil_events(self) -> None:
        """Put events without form before all that come from now on."""
        author = {"user_openid": ["no"]}
        strange = {"id": "ROBOT1.0_x", "author": author, "timestamp": "noon"}
        no_time = {**strange, "author": {"user_openid": "A1"}, "content": "hi"}
        broken: tuple[object, ...] = (None, {}, [], strange, no_time)
        spoiled = (*({"d": d} for d in broken), {"t": 7}, {"id": 7, "d": 8})
        for bot in self.platform.bots.values():
            bot.gateway.spoiled = spoiled

    def tell_twice(self) -> None:
        """Repeat every event."""
        for bot in self.platform.bots.values():
            bot.gateway.is_told_twice = True

    async def walled(self) -> tuple[Account, str]:
        """Make a bot with a forum."""
        account = await self.account()
        channel = f"32000{account.handle}"
        self.platform.bots[account.handle].forums[channel] = []
        options = {**account.options, "wall": channel}
        return dataclasses.replace(account, options=options), channel

    async def on_wall(self, account: Account, wall: str) -> list[str]:
        """Return the forum's posts."""
        return [post["content"] for post in self.platform.bots[account.handle].forums[wall]]


@contextlib.asynccontextmanager
async def qq_rig(platform: FakeQQ) -> AsyncIterator[QQRig]:
    """Give a rig with a proxy of its own."""
    between = Proxy(platform.url)
    async with platform.running(), between.running():
        rig = QQRig(platform, between)
        yield rig
        await rig.channel.aclose()
