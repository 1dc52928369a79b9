"""The gateway of one bot: sessions, their events, and how they are resumed."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from tests.fakes.qq_api import Bot

HEARTBEAT_MS = 45_000

_INTENTS = {
    "C2C_": 25,
    "FRIEND_": 25,
    "GROUP_MEMBER_": 24,
    "GROUP_": 25,
    "GUILD_MEMBER_": 1,
    "DIRECT_": 12,
    "AT_": 30,
    "MESSAGE_AUDIT_": 27,
}
Abort = Callable[[], None]
_sessions = itertools.count(1)


@dataclass(slots=True)
class Session:
    """What Identify began."""

    id: str
    intents: int
    #: Every dispatch, to be told again after Resume; the number is its place, from 1.
    told: list[str] = field(default_factory=list)
    ws: web.WebSocketResponse | None = None
    #: Ends the connection without a word.
    abort: Abort = lambda: None


@dataclass(slots=True)
class Gateway:
    """The sessions of a bot; a later one takes the place of the one before."""

    session: Session | None = None
    #: Faults: what is told before each event, whether twice, whether heartbeats are heard.
    spoiled: tuple[Any, ...] = ()
    is_told_twice: bool = False
    is_mute: bool = False
    #: How often sessions were begun and resumed.
    begun: int = 0
    resumed: int = 0

    @property
    def is_connected(self) -> bool:
        """Tell whether the bot hears now."""
        return self.session is not None and self.session.ws is not None

    async def tell(self, kind: str, body: Any, envelope: str) -> None:
        """Tell an event, now or after the next Resume."""
        session = self.session
        if session is None or not session.intents & _bit(kind):
            return  # who was not there is not told
        frames = [*self.spoiled, {"d": body}]
        for frame in frames * (2 if self.is_told_twice else 1):
            payload = {"op": 0, "s": len(session.told) + 1, "t": kind, "id": envelope}
            session.told.append(json.dumps({**payload, **frame}))
            if session.ws is not None:
                await _send(session.ws, session.told[-1])

    async def close(self, code: int) -> None:
        """Close the connection with a code."""
        if self.session is not None and self.session.ws is not None:
            await self.session.ws.close(code=code)

    async def say(self, op: int, d: Any = None) -> None:
        """Send a frame that is no event."""
        if self.session is not None and self.session.ws is not None:
            await _send(self.session.ws, json.dumps({"op": op, "d": d}))

    def forget(self) -> None:
        """Let the session be gone, as after a few minutes without a connection."""
        self.session = None

    def drop(self) -> None:
        """Break the connection off, without a word."""
        if self.session is not None and self.session.ws is not None:
            self.session.ws = None
            self.session.abort()


async def serve(
    ws: web.WebSocketResponse, by_token: Callable[[str], "Bot | None"], abort: Abort
) -> None:
    """Greet a connection and hear it out."""
    await _send(ws, json.dumps({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_MS}}))
    bot: Bot | None = None
    async for frame in ws:
        told = _decoded(frame.data) if frame.type is WSMsgType.TEXT else {}
        op, d = told.get("op"), told.get("d")
        code = 0
        if op == 1:
            await _acknowledge(ws, bot)
        elif op in (2, 6) and isinstance(d, dict) and bot is None:
            bot = by_token(str(d.get("token")))
            code = await _begin(bot, ws, d, abort) if bot else 4004
        else:
            code = 4001 if told else 4002
        if code:
            await ws.close(code=code)
            return


async def _begin(
    bot: "Bot", ws: web.WebSocketResponse, d: dict[str, Any], abort: Abort
) -> int:
    if bot.is_banned:
        return 4915
    code = await (_resume(bot, ws, d) if "session_id" in d else _identify(bot, ws, d))
    if not code and bot.gateway.session is not None:
        bot.gateway.session.abort = abort
    return code


async def _acknowledge(ws: web.WebSocketResponse, bot: "Bot | None") -> None:
    if bot is None or not bot.gateway.is_mute:
        await _send(ws, '{"op":11}')


async def _identify(bot: "Bot", ws: web.WebSocketResponse, d: dict[str, Any]) -> int:
    intents = d.get("intents")
    if d.get("shard") != [0, 1]:
        return 4010
    if not isinstance(intents, int):
        return 4013
    if intents & ~bot.granted:
        return 4014
    session = Session(f"session-{next(_sessions)}", intents)
    user = {"id": f"9{bot.appid}", "username": bot.name, "bot": True}
    ready = {"version": 1, "session_id": session.id, "user": user, "shard": [0, 1]}
    session.told.append(json.dumps({"op": 0, "s": 1, "t": "READY", "d": ready}))
    bot.gateway.session = session
    bot.gateway.begun += 1
    await _send(ws, session.told[0])
    session.ws = ws
    return 0


async def _resume(bot: "Bot", ws: web.WebSocketResponse, d: dict[str, Any]) -> int:
    session, seq = bot.gateway.session, d.get("seq")
    if session is None or session.id != d.get("session_id"):
        await _send(ws, '{"op":9,"d":false}')
        return 0
    if not isinstance(seq, int) or seq > len(session.told):
        return 4007
    session.ws = None
    bot.gateway.resumed += 1
    while seq < len(session.told):  # more may come while we tell
        await _send(ws, session.told[seq])
        seq += 1
    await _send(ws, json.dumps({"op": 0, "s": seq, "t": "RESUMED", "d": ""}))
    session.ws = ws
    return 0


async def _send(ws: web.WebSocketResponse, frame: str) -> None:
    if not ws.closed:
        try:
            await ws.send_str(frame)
        except ConnectionError:
            return  # told again after Resume


def _decoded(raw: str) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _bit(kind: str) -> int:
    return next((1 << n for name, n in _INTENTS.items() if kind.startswith(name)), 1)
