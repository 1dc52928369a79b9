"""One WebSocket to a gateway: its frames, its heartbeats, and how it is lost."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from typing import Any, Literal

import aiohttp
import msgspec

#: From the first packet to Hello; satori's sessions, without such a limit, hung for ever.
HELLO_SECONDS = 20.0
#: A peer that is gone does not answer our close frame.
CLOSE_SECONDS = 1.0
#: Discord's READY of a bot in many guilds is long.
MOST_BYTES = 4 * 2**20
#: Any code but 1000 and 1001: those two end the session itself (Discord), so that nothing
#: would be there to resume.
KEEP_SESSION = 4000

_dice = random.SystemRandom()
_PLAIN = aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS)


class Payload(msgspec.Struct):
    """A frame. Only `op` must have its form: the rest is looked at where it is used."""

    op: int
    d: Any = None
    s: Any = None
    t: Any = None
    id: Any = None


Socket = aiohttp.ClientWebSocketResponse[Literal[False]]
_decoder = msgspec.json.Decoder(Payload)


class LostError(Exception):
    """The connection ended.

    `code`: the platform's close code, if it gave one; `is_over`: the session is gone with
    it (op 9); `was_ready`: it was begun or resumed before.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: int | None = None,
        is_over: bool = False,
        was_ready: bool = False,
    ) -> None:
        super().__init__(reason)
        self.code, self.is_over, self.was_ready = code, is_over, was_ready


async def connect(client: aiohttp.ClientSession, url: str) -> "Line":
    """Return a connection that was greeted.

    Raises TimeoutError, LostError, aiohttp.ClientError and OSError.
    """
    async with asyncio.timeout(HELLO_SECONDS):
        ws = await client.ws_connect(
            url, timeout=_PLAIN, max_msg_size=MOST_BYTES, compress=0, decode_text=False
        )
        line = Line(ws)
        try:
            await line.hello()
        except BaseException:
            await line.close()
            raise
    return line


class Line:
    """A connection; costs one timer beside aiohttp's own objects, and no task."""

    __slots__ = (
        *("_acked", "_beating", "_hears", "_interval", "_reason", "_timer", "_ws"),
        *("is_ready", "seq"),
    )

    def __init__(self, ws: Socket) -> None:
        self._ws = ws
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[object] | None = None
        self._interval = 0.0
        self._acked = self._hears = True
        #: Why we gave the connection up ourselves.
        self._reason = ""
        #: The last event that is stored, told by each heartbeat.
        self.seq: int | None = None
        self.is_ready = False

    async def hello(self) -> None:
        """Wait for Hello, and beat from then on. Raises LostError."""
        hello = await self._receive()
        told = hello.d.get("heartbeat_interval") if isinstance(hello.d, dict) else None
        if hello.op != 10 or not isinstance(told, int | float) or told <= 0:
            raise LostError("the first frame is no Hello")
        self._interval = told / 1000
        # The first beat by chance, so that sessions begun together do not beat together.
        self._beat_in(self._interval * _dice.random())

    async def say(self, op: int, body: Any, seq: int | None) -> None:
        """Send Identify or Resume; `seq` is where the session stands."""
        self.seq = seq
        await self._send(op, body)

    async def dispatch(self) -> Payload:
        """Return the next event. Raises LostError."""
        while True:
            told = await self._receive()
            if told.op == 0:
                self._hears = True
                return told
            await self._answer(told)

    async def close(self) -> None:
        """Leave, so that the session can be resumed."""
        if self._timer is not None:
            self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
        await self._ws.close(code=KEEP_SESSION)

    async def _answer(self, told: Payload) -> None:
        if told.op == 11:
            self._acked = True
        elif told.op == 1:
            await self._send(1, self.seq)
        elif told.op == 7:
            raise self._lost("the gateway asks to reconnect")
        elif told.op == 9:
            raise LostError("the session is not valid", is_over=told.d is not True)

    async def _receive(self) -> Payload:
        frame = await self._ws.receive()
        if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            # Only a close frame has the platform's code; aiohttp makes one up otherwise.
            code = frame.data if frame.type is aiohttp.WSMsgType.CLOSE else None
            raise self._lost("the connection was lost", code=code or None)
        try:
            return _decoder.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._lost("a frame without form") from error

    def _lost(self, reason: str, *, code: int | None = None) -> LostError:
        return LostError(self._reason or reason, code=code, was_ready=self.is_ready)

    async def _send(self, op: int, body: Any) -> None:
        try:
            await self._ws.send_frame(
                msgspec.json.encode({"op": op, "d": body}), aiohttp.WSMsgType.TEXT
            )
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._lost("the connection was lost") from error

    def _beat_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._beat)

    def _beat(self) -> None:
        """Send a heartbeat, or give up a connection that is dead though it stands open."""
        # An answer may still wait in line behind many events that are being stored.
        if not (self._acked or self._hears):
            self._give_up("no answer to a heartbeat")
        elif not (self.is_ready or self._hears):
            self._give_up("the session did not begin")
        else:
            self._acked = self._hears = False
            self._beat_in(self._interval)
            self._run(self._send_beat())

    async def _send_beat(self) -> None:
        # Whoever receives learns of a lost connection as well.
        with contextlib.suppress(LostError):
            await self._send(1, self.seq)

    def _give_up(self, reason: str) -> None:
        """Close from outside, which ends the receiving."""
        self._reason = reason
        self._run(self._ws.close(code=KEEP_SESSION))

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        self._beating = asyncio.get_running_loop().create_task(work)
