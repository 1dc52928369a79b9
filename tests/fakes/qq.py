"""QQ's bot platform: people and bots, an API (`qq_api`) and a gateway (`qq_gateway`).

Written from the wiki (https://bot.q.qq.com/wiki/develop/api-v2/) as of September 2026.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from menting.base import clock
from menting.cli.demo.homeserver import free_port
from tests.fakes import qq_gateway
from tests.fakes.qq_api import Bot, OpenApi
from tests.fakes.qq_messages import Place


class FakeQQ(OpenApi):
    """The platform; `url` is the host of API and gateway."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        #: What the next connection hears instead of a gateway.
        self.garbage = ""
        self._runner: web.AppRunner | None = None

    # What a test does.

    def bot(self, name: str = "Shop") -> Bot:
        """Make a bot."""
        number = next(self._numbers)
        bot = Bot(f"{102_000_000 + number}", f"secret{number:026}", name)
        self.bots[bot.appid] = bot
        return bot

    def openid(self) -> str:
        """Return an id as QQ writes them: 32 digits of base 16."""
        return f"{next(self._numbers):032X}"

    async def befriend(self, bot: Bot, person: str, *, source: str = "") -> None:
        """Let a person add the bot; `source` is what the link was made with."""
        bot.place("c2c", person).is_open = True
        told = {"timestamp": self.seconds(), "openid": person, "scene": 1001}
        await self.tell(bot, "FRIEND_ADD", {**told, "scene_param": source})

    async def unfriend(self, bot: Bot, person: str) -> None:
        """Let a person remove the bot."""
        bot.place("c2c", person).is_open = False
        told = {"timestamp": self.seconds(), "openid": person}
        await self.tell(bot, "FRIEND_DEL", told)

    async def write(
        self, bot: Bot, person: str, text: str, *, name: str = "", **more: Any
    ) -> str:
        """Let a friend write to the bot, and return the message's id."""
        author = {"id": person, "user_openid": person, "union_openid": "", "username": name}
        return await self._say(
            bot, bot.place("c2c", person), "C2C_MESSAGE_CREATE", author, text, **more
        )

    async def write_in_group(self, bot: Bot, group: str, member: str, text: str) -> str:
        """Let a member of a group mention the bot, which reads a blank before the text."""
        author = {"id": member, "member_openid": member, "username": ""}
        place = bot.place("group", group)
        kind = "GROUP_AT_MESSAGE_CREATE"
        return await self._say(bot, place, kind, author, f" {text}", group_openid=group)

    async def write_in_channel(self, bot: Bot, channel: str, user: str, text: str) -> str:
        """Let a member of a guild mention the bot."""
        author = {"id": user, "username": "Lin", "bot": False}
        place = bot.place("channel", channel)
        more = {"channel_id": channel, "guild_id": "7200345"}
        said = f"<@!{bot.appid}> {text}"
        return await self._say(bot, place, "AT_MESSAGE_CREATE", author, said, **more)

    async def write_directly(self, bot: Bot, guild: str, user: str, text: str) -> str:
        """Let a member of a guild write to the bot alone."""
        author = {"id": user, "username": "Lin", "bot": False}
        place = bot.place("dm", guild)
        kind = "DIRECT_MESSAGE_CREATE"
        return await self._say(bot, place, kind, author, text, guild_id=guild)

    async def tell(self, bot: Bot, kind: str, body: Any) -> tuple[int, bytes]:
        """Tell the bot of something, by gateway or webhook; return the hook's answer."""
        envelope = f"{kind}:{next(self._numbers)}"
        if isinstance(body, dict) and isinstance(openid := body.get("openid"), str):
            bot.place("c2c", openid).events.add(envelope)
        if not bot.webhook:
            await bot.gateway.tell(kind, body, envelope)
            return 0, b""
        return await self.call_hook(
            bot, {"op": 0, "d": body, "s": 1, "t": kind, "id": envelope}
        )

    async def call_hook(self, bot: Bot, payload: Any) -> tuple[int, bytes]:
        """Call the bot's webhook, signed, and return its status and body."""
        raw, stamp = json.dumps(payload).encode(), str(self.seconds())
        headers = {
            "X-Bot-Appid": bot.appid,
            "X-Signature-Timestamp": stamp,
            "X-Signature-Ed25519": bot.sign(stamp.encode() + raw),
            "User-Agent": "QQBot-Callback",
            "Content-Type": "application/json",
        }
        async with (
            aiohttp.ClientSession() as http,
            http.post(bot.webhook, data=raw, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    # Listening.

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeQQ"]:
        """Listen within the block."""
        await self.come_back()
        try:
            yield self
        finally:
            await self.go_away()

    async def come_back(self) -> None:
        """Listen, at the same address as before."""
        app = web.Application(client_max_size=2**24)
        app.router.add_get("/websocket/", self._websocket)
        self.routes(app)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(
            self._runner, "127.0.0.1", self.port, reuse_address=True, backlog=4096
        ).start()

    async def go_away(self) -> None:
        """Break every connection off, and take no new ones."""
        for bot in self.bots.values():
            bot.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=2**16)
        await ws.prepare(request)
        if self.garbage:
            await ws.send_str(self.garbage)
            self.garbage = ""
        assert isinstance(request.transport, asyncio.Transport)
        await qq_gateway.serve(ws, self.by_token, request.transport.abort)
        return ws

    async def _say(
        self, bot: Bot, place: Place, kind: str, author: Any, text: str, **more: Any
    ) -> str:
        number = f"ROBOT1.0_in{next(self._numbers)}"
        now = clock.now()
        place.is_open, place.heard[number] = True, now
        told = {"id": number, "author": author, "content": text}
        told["timestamp"] = now.isoformat(timespec="seconds")
        await self.tell(bot, kind, {**told, **more})
        return number


@pytest.fixture
def qq() -> FakeQQ:
    """Give a platform of one's own, which does not listen yet."""
    return FakeQQ()
