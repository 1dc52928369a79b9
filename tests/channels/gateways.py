"""A gateway that does as a test says, and an account's side of it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from menting.base import clock
from menting.channels import base
from menting.channels.base import EventType, Peer, Profile
from menting.channels.gateway import Fate

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
Talk = Callable[["Caller"], Awaitable[object]]


class Caller:
    """One connection as the gateway sees it."""

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self._ws = ws

    async def tell(self, op: int, d: object = None, **rest: object) -> None:
        """Send a frame."""
        await self._ws.send_json({"op": op, "d": d, **rest})

    async def raw(self, frame: str) -> None:
        """Send a frame as it is."""
        await self._ws.send_str(frame)

    async def hello(self, interval: int = 45_000) -> dict[str, Any]:
        """Greet, and return what the account says first."""
        await self.tell(10, {"heartbeat_interval": interval})
        return await self.heard()

    async def ready(self, session: str = "one") -> dict[str, Any]:
        """Greet and begin a session."""
        said = await self.hello()
        await self.tell(0, {"session_id": session}, s=1, t="READY")
        return said

    async def event(self, seq: int) -> None:
        """Tell of a message."""
        await self.tell(0, {"text": f"event {seq}"}, s=seq, t="MESSAGE")

    async def heard(self) -> dict[str, Any]:
        """Return the next frame of the account."""
        told: dict[str, Any] = json.loads(await self._ws.receive_str())
        return told

    async def close(self, code: int) -> None:
        """Close with a code."""
        await self._ws.close(code=code)

    async def until_closed(self) -> int:
        """Wait for the account to close, and return its code."""
        while not self._ws.closed:
            await self._ws.receive()
        return self._ws.close_code or 0


class Script:
    """A gateway: the first connection is treated as the first talk says, and so on."""

    def __init__(self, *talks: Talk) -> None:
        self._talks = list(talks)
        self.url = ""
        #: When each connection came, on the loop's clock.
        self.came: list[float] = []
        self.faults: list[BaseException] = []

    @contextlib.asynccontextmanager
    async def running(self, handle: Handle | None = None) -> AsyncIterator["Script"]:
        """Listen within the block; a talk that failed fails the test."""
        app = web.Application()
        app.router.add_get("/", handle or self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        try:
            yield self
        finally:
            await runner.cleanup()
        assert not self.faults

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.came.append(asyncio.get_running_loop().time())
        if not self._talks:
            return web.Response(status=503)
        talk = self._talks.pop(0)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        try:
            await talk(Caller(ws))
        except Exception as fault:  # shown at the end of the test
            self.faults.append(fault)
        return ws


class Side:
    """An account of a platform without a name."""

    def __init__(self, url: str, closes: Mapping[int, Fate] | None = None) -> None:
        self._url = url
        self.closes = closes or {}
        self.intents = 7
        self.renewed = 0

    async def url(self) -> str:
        """Return the only address."""
        return self._url

    async def token(self, *, renew: bool) -> str:
        """Return a token with the number of renewals."""
        self.renewed += renew
        return f"token {self.renewed}"

    def identity(self, token: str, intents: int) -> dict[str, Any]:
        """Say the least."""
        return {"token": token, "intents": intents}

    def narrowed(self, intents: int) -> int:
        """Give up the highest bit."""
        return intents >> 1

    def hear(self, kind: str, body: Any, envelope: str) -> list[base.Event]:
        """Tell of messages alone."""
        if kind != "MESSAGE":
            return []
        text = body["text"]
        person = Profile("lin")
        return [
            base.Event(text, EventType.MESSAGE, Peer("room"), person, clock.now(), text)
        ]
