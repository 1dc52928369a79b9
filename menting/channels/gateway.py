"""Receive through the gateway protocol that Discord made and QQ took over.

One WebSocket an account: Hello, Identify or Resume, events with a running number,
heartbeats. What a platform has of its own is in its `Side`.
"""

import asyncio
import random
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NoReturn, Protocol

import aiohttp
import msgspec
import structlog
from yarl import URL

from menting.channels import base, line
from menting.channels.http import Http, seconds_of, short
from menting.channels.line import Line, LostError

log = structlog.get_logger(__name__)

#: A connection that lived this long in seconds was a success.
STEADY_SECONDS = 30.0
#: So many connections in a row that did not: the keeper's longer waits are wanted.
MOST_QUICK = 3
#: A session that could not be resumed so often in a row is given up.
MOST_VAIN = 2
#: Discord asks to wait so long, by chance, before a new session (after op 9).
AFRESH_SECONDS = (1.0, 5.0)
#: Connections begun in a second at one host: 4,000 sessions of a gateway that was killed
#: are back within half a minute, and no second brings more than others.
PER_SECOND = 150.0

_dice = random.SystemRandom()


class Fate(Enum):
    """What a close code means for the session."""

    RESUME = auto()  # goes on from where it was
    IDENTIFY = auto()  # is gone: a new one begins
    RENEW = auto()  # goes on with a new access token; the second time in a row: FATAL
    NARROW = auto()  # asked for intents that the account does not have: with fewer
    FATAL = auto()  # an operator must act
    BANNED = auto()  # the platform closed the account


class Side(Protocol):
    """What a platform's session does for its gateway."""

    @property
    def closes(self) -> Mapping[int, Fate]:
        """Return what each close code means; any other one resumes."""

    @property
    def intents(self) -> int:
        """Return the intents that the account is to have."""

    async def url(self) -> str:
        """Return the address where a new session begins. Raises a ChannelError."""

    async def token(self, *, renew: bool) -> str:
        """Return the token for Identify and Resume, a fresh one if `renew`."""

    def identity(self, token: str, intents: int) -> dict[str, Any]:
        """Return what Identify says."""

    def narrowed(self, intents: int) -> int:
        """Return fewer intents to ask for; 0 when there are none left to give up."""

    def hear(self, kind: str, body: Any, envelope: str) -> list[base.Event]:
        """Return what a dispatch tells of people; READY and RESUMED are heard as well.

        `envelope` is the id beside the body (QQ). Never raises: what has another form
        than documented is left out.
        """


class Place(msgspec.Struct, omit_defaults=True):
    """The resume token: the session, the last event of it that is stored, its intents."""

    session: str = ""
    seq: int | None = None
    #: Where to resume; Discord names another address than for a new session.
    url: str = ""
    #: What was to be had and what was granted: a downgrade holds until an operator asks
    #: for other intents.
    asked: int = 0
    intents: int = 0


class Turnstile:
    """Lets connections to one host begin one by one, evenly, however many wait."""

    __slots__ = ("_free_at", "_gap")

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._gap, self._free_at = 1.0 / per_second, 0.0

    async def turn(self) -> None:
        """Wait for a turn."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._free_at)
        self._free_at = mine + self._gap
        if mine > now:
            await asyncio.sleep(mine - now + _dice.uniform(0, self._gap))


class Gateway:
    """The gateway of one account; `Side` is its platform."""

    __slots__ = ("_http", "_place", "_quick", "_renew", "_side", "_turnstile", "_vain")

    def __init__(self, http: Http, side: Side, turnstile: Turnstile) -> None:
        self._http, self._side, self._turnstile = http, side, turnstile
        self._place = Place()
        self._quick = self._vain = 0
        self._renew = False

    @property
    def intents(self) -> int:
        """Return what was granted, as far as is known; what is asked for until then."""
        return self._place.intents or self._side.intents

    async def listen(self, deliver: base.Deliver, resume: bytes) -> NoReturn:
        """Receive as `Session.listen` does; a lost connection is resumed a few times.

        Raises Unreachable after `MOST_QUICK` short ones or when none is made, Throttled,
        and AuthFailed where the close code says so.
        """
        self._place = self._read(resume)
        self._quick = self._vain = 0
        self._renew = False
        loop = asyncio.get_running_loop()
        while True:
            await self._turnstile.turn()
            began = loop.time()
            try:
                await self._connection(deliver)
            except LostError as lost:
                self._quick = (
                    0 if loop.time() - began >= STEADY_SECONDS else self._quick + 1
                )
                await self._settle(lost)

    def _read(self, resume: bytes) -> Place:
        place = Place()
        if resume:
            try:
                place = msgspec.json.decode(resume, type=Place)
            except msgspec.DecodeError:
                log.warning("a place to resume from has another form, beginning anew")
        if place.asked != self._side.intents:
            # Asked for anew by an operator: the old session has the old intents.
            return Place(asked=self._side.intents, intents=self._side.intents)
        return place

    async def _connection(self, deliver: base.Deliver) -> NoReturn:
        """Live through one connection. Raises LostError at its end."""
        place = self._place
        url = place.url if place.session and place.url else await self._side.url()
        token = await self._side.token(renew=self._renew)
        to = await _connect(self._http, url)
        try:
            await to.say(*self._greeting(token), place.seq)
            while True:
                await self._take(to, url, deliver)
        finally:
            await to.close()

    def _greeting(self, token: str) -> tuple[int, dict[str, Any]]:
        place = self._place
        if not place.session:
            return 2, self._side.identity(token, place.intents)
        return 6, {"token": token, "session_id": place.session, "seq": place.seq}

    async def _take(self, to: Line, url: str, deliver: base.Deliver) -> None:
        """Store one dispatch; only then is its number told by heartbeats and Resume."""
        told = await to.dispatch()
        kind = told.t if isinstance(told.t, str) else ""
        envelope = told.id if isinstance(told.id, str) else ""
        after = msgspec.structs.replace(
            self._place, seq=told.s if isinstance(told.s, int) else self._place.seq
        )
        if kind == "READY":
            after = _begun(after, told.d, url)
        events = self._side.hear(kind, told.d, envelope)
        if events or kind == "READY":
            await deliver(events, msgspec.json.encode(after))
        self._place, to.seq = after, after.seq
        if kind in ("READY", "RESUMED"):
            to.is_ready, self._vain, self._renew = True, 0, False

    async def _settle(self, lost: LostError) -> None:
        """Make ready for the next connection. Raises when there is to be none."""
        fate = self._side.closes.get(lost.code or 0, Fate.RESUME)
        reason = f"the gateway closed with {lost.code}" if lost.code else str(lost)
        if fate in (Fate.FATAL, Fate.BANNED) or (fate is Fate.RENEW and self._renew):
            raise base.AuthFailed(reason, banned=fate is Fate.BANNED)
        self._renew = fate is Fate.RENEW
        if fate is Fate.NARROW:
            self._narrow(reason)
        elif fate is Fate.IDENTIFY or lost.is_over or self._is_vain(lost):
            self._begin_anew()
        # Not a line for each: QQ lets 4,000 sessions reconnect every half hour.
        log.debug(
            "gateway lost", reason=reason, fate=fate.name, resumes=bool(self._place.session)
        )
        if self._quick >= MOST_QUICK:
            raise base.Unreachable(reason)
        if not self._place.session:
            await asyncio.sleep(_dice.uniform(*AFRESH_SECONDS))

    def _narrow(self, reason: str) -> None:
        fewer = self._side.narrowed(self._place.intents)
        if not fewer:
            raise base.AuthFailed(f"{reason}: the intents are not granted")
        self._place = Place(asked=self._place.asked, intents=fewer)
        # Each step down is an answer of a gateway that works.
        self._quick = 0

    def _is_vain(self, lost: LostError) -> bool:
        """Tell whether the platform answers Resume by closing, again and again."""
        self._vain += lost.code is not None and not lost.was_ready
        return self._vain >= MOST_VAIN

    def _begin_anew(self) -> None:
        self._place = Place(asked=self._place.asked, intents=self._place.intents)
        self._vain = 0


async def _connect(http: Http, url: str) -> Line:
    try:
        return await line.connect(http.session(), url)
    except aiohttp.WSServerHandshakeError as error:
        if error.status == 429:
            wait = seconds_of(error.headers and error.headers.get("Retry-After"))
            raise base.Throttled("the gateway asks to wait", retry_after=wait) from error
        raise base.Unreachable(f"the gateway answers status {error.status}") from error
    except (aiohttp.ClientError, TimeoutError, OSError, LostError) as error:
        if isinstance(error, LostError) and error.code:
            raise
        # No Hello, no session: whatever stands there, the keeper tries again later.
        raise base.Unreachable(f"the gateway did not greet: {short(error)}") from error


def _begun(place: Place, body: Any, url: str) -> Place:
    """Return the place of a session that READY describes."""
    body = body if isinstance(body, dict) else {}
    resume_url = body.get("resume_gateway_url")
    return msgspec.structs.replace(
        place,
        session=str(body.get("session_id", "")),
        url=_like(resume_url, url) if isinstance(resume_url, str) else url,
    )


def _like(resume_url: str, url: str) -> str:
    """Give the one address the query of the other, as Discord wants it for Resume."""
    try:
        return str(URL(resume_url).with_query(URL(url).query)) if resume_url else url
    except ValueError:
        return url
