"""A gateway of Discord, version 10, from https://docs.discord.com/developers/events/gateway."""

import asyncio
import json
import secrets
import zlib
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tests.fakes.discord_state import CONTENT, MEMBERS, Bot, State, Stream

HEARTBEAT_MILLIS = 41_250
PRIVILEGED = MEMBERS | CONTENT | 1 << 8
KNOWN_INTENTS = (1 << 26) - 1


class CloseError(Exception):
    """The gateway closes with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """One socket; with `zlib-stream` everything is one compressed stream."""

    def __init__(self, ws: web.WebSocketResponse, *, is_compressed: bool) -> None:
        self._ws = ws
        self._zlib = zlib.compressobj() if is_compressed else None

    async def tell(self, op: int, d: Any = None, **rest: Any) -> None:
        """Send a frame."""
        await self.raw(json.dumps({"op": op, "d": d, "s": None, "t": None} | rest))

    async def raw(self, frame: str) -> None:
        """Send a frame as it is."""
        if self._zlib is None:
            await self._ws.send_str(frame)
            return
        packed = self._zlib.compress(frame.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        await self._ws.send_bytes(packed)

    async def heard(self) -> dict[str, Any]:
        """Return the bot's next frame. Raises CloseError when there is none."""
        frame = await self._ws.receive()
        if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise CloseError(1000, "gone")
        try:
            told = json.loads(frame.data)
        except ValueError as error:
            raise CloseError(4002, "Error while decoding payload.") from error
        if not isinstance(told, dict) or not isinstance(told.get("op"), int):
            raise CloseError(4002, "Error while decoding payload.")
        return told


class FakeGateway:
    """All sockets of all bots."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._open: set[web.WebSocketResponse] = set()
        #: Changes the frames of each dispatch, for a test.
        self.spoil: Callable[[dict[str, Any]], list[str]] | None = None
        #: What bots said first: Identify or Resume.
        self.greetings: list[dict[str, Any]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Take a connection."""
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self._open.add(ws)
        try:
            is_compressed = request.query.get("compress") == "zlib-stream"
            to = Connection(ws, is_compressed=is_compressed)
            await self._live(to, request)
        except CloseError as error:
            await ws.close(code=error.code, message=str(error).encode())
        finally:
            self._open.discard(ws)
        return ws

    async def drop(self) -> None:
        """Close every connection; the sessions stay."""
        for ws in [*self._open]:
            await ws.close(code=WSCloseCode.SERVICE_RESTART)

    async def _live(self, to: Connection, request: web.Request) -> None:
        await to.tell(10, {"heartbeat_interval": HEARTBEAT_MILLIS})
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            raise CloseError(4012, "Invalid API version")
        greeting = await self._greeting(to)
        self.greetings.append(greeting)
        stream, seen = await self._begin(to, greeting)
        if stream is None:
            return
        sending = asyncio.create_task(self._send(to, stream, seen))
        try:
            while True:
                await self._answer(to, await to.heard())
        finally:
            sending.cancel()

    async def _greeting(self, to: Connection) -> dict[str, Any]:
        while True:
            said = await to.heard()
            if said["op"] in (2, 6):
                return said
            if said["op"] != 1:
                raise CloseError(4003, "Not authenticated.")
            await to.tell(11)

    async def _answer(self, to: Connection, said: dict[str, Any]) -> None:
        if said["op"] == 1:
            await to.tell(11)
        elif said["op"] in (2, 6):
            raise CloseError(4005, "Already authenticated.")
        elif said["op"] not in (3, 4, 8):
            raise CloseError(4001, "Unknown opcode.")

    async def _begin(
        self, to: Connection, said: dict[str, Any]
    ) -> tuple[Stream | None, int]:
        given = said["d"]
        bot = self._state.bots.get(str(given["token"]).removeprefix("Bot "))
        if bot is None:
            raise CloseError(4004, "Authentication failed.")
        if said["op"] == 2:
            return self._identify(bot, given), 0
        stream = bot.streams.get(given["session_id"])
        if stream is None:
            await to.tell(9, d=False)
            return None, 0
        if given["seq"] is None or given["seq"] > len(stream.sent):
            raise CloseError(4007, "Invalid seq.")
        for event in stream.sent[given["seq"] :]:
            await self._emit(to, event)
        await self._emit(to, {"op": 0, "s": len(stream.sent), "t": "RESUMED", "d": {}})
        return stream, len(stream.sent)

    def _identify(self, bot: Bot, given: dict[str, Any]) -> Stream:
        asked = given["intents"]
        if not isinstance(asked, int) or asked < 0 or asked & ~KNOWN_INTENTS:
            raise CloseError(4013, "Invalid intent(s).")
        if asked & PRIVILEGED & ~bot.granted:
            raise CloseError(4014, "Disallowed intent(s).")
        if not {"os", "browser", "device"} <= given["properties"].keys():
            raise CloseError(4002, "Error while decoding payload.")
        bot.starts -= 1
        stream = Stream(secrets.token_hex(16), asked)
        bot.streams[stream.id] = stream
        stream.dispatch("READY", self._ready(bot, stream))
        return stream

    def _ready(self, bot: Bot, stream: Stream) -> dict[str, Any]:
        return {
            "v": 10,
            "user": bot.user.told() | {"verified": True, "mfa_enabled": False},
            "guilds": [],
            "session_id": stream.id,
            "resume_gateway_url": self.url,
            "shard": [0, 1],
            "application": {"id": bot.user.id, "flags": 0},
        }

    async def _send(self, to: Connection, stream: Stream, seen: int) -> None:
        while True:
            stream.news.clear()
            for event in stream.sent[seen:]:
                await self._emit(to, event)
            seen = len(stream.sent)
            await stream.news.wait()

    async def _emit(self, to: Connection, event: dict[str, Any]) -> None:
        frames = self.spoil(event) if self.spoil else [json.dumps(event)]
        for frame in frames:
            await to.raw(frame)
