"""From a request to a visit: what is seen of the caller, and what is left of it."""

import asyncio
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from menting.base import clock
from menting.visits import caller, visit
from menting.visits.caller import Addresses
from menting.visits.daily import Days, Salts
from menting.visits.visit import SpaceSeen, Visit

Headers = Iterable[tuple[bytes, bytes]]


class Request(msgspec.Struct, frozen=True):
    """The parts of a request that say who calls; never kept."""

    headers: dict[bytes, bytes]
    client: tuple[str, int] | None

    def header(self, name: bytes) -> str:
        """Return a header's text, empty if it is missing."""
        return self.headers.get(name, b"").decode("latin-1")

    def referrer(self) -> str:
        """Return where the browser says it comes from (its header's name is misspelt)."""
        return self.header(b"referer")

    def wants_no_tracking(self) -> bool:
        """Say whether Global Privacy Control (W3C, `Sec-GPC: 1`) or DNT is on."""
        return self.headers.get(b"sec-gpc") == b"1" or self.headers.get(b"dnt") == b"1"


class Opening(msgspec.Struct, frozen=True):
    """The parts of a visit that its page says."""

    path: str
    referrer: str
    who: int
    vid: int


class Observer:
    """Makes visits of requests; holds the day's salts and nothing else of anybody."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._addresses = Addresses(trusted_proxies)
        self._days, self._salts = Days(), Salts()
        self._timer: asyncio.TimerHandle | None = None

    def visit(
        self, request: Request, *, space: SpaceSeen, house_zone: ZoneInfo, opening: Opening
    ) -> Visit | None:
        """Return the visit, or None for a bot's.

        With Global Privacy Control or Do Not Track it is counted without any id, country
        and referrer.
        """
        user_agent = request.header(b"user-agent")[: caller.AGENT_LENGTH]
        agent = caller.agent(user_agent)
        if agent.is_bot:
            return None
        at = clock.now_millis()
        day = self._days.day(at, zone=space.zone)
        who, anon, country, referrer = 0, 0, "", ""
        if not request.wants_no_tracking():
            address = self._address(request)
            country = caller.country(address)
            referrer = _foreign_host(opening.referrer, space)
            who = opening.who
            anon = 0 if who else self._anonymous(space, day, at, address + user_agent)
        return Visit(
            at=at,
            space=space.id,
            day=day,
            house_day=self._days.day(at, zone=house_zone),
            path=visit.bare_path(opening.path),
            referrer=referrer,
            country=country,
            device=agent.device,
            browser=agent.browser,
            os=agent.os,
            who=who,
            anon=anon,
            vid=opening.vid,
        )

    def _address(self, request: Request) -> str:
        peer = request.client[0] if request.client else ""
        return self._addresses.address(peer, forwarded=request.header(b"x-forwarded-for"))

    def _anonymous(self, space: SpaceSeen, day: int, at: int, caller_seen: str) -> int:
        ends = self._days.end(day, zone=space.zone)
        found = self._salts.anonymous_id(
            space=space.id, day=day, ends=ends, caller=caller_seen
        )
        if self._timer is None:
            self._destroy_in(self._salts.next_end() - at)
        return found

    def _destroy_in(self, delay_ms: int) -> None:
        """Destroy salts on time, also when nobody comes any more."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(delay_ms, 0) / 1000 + 1, self._destroy)

    def _destroy(self) -> None:
        now = clock.now_millis()
        self._salts.destroy(now)
        self._timer = None
        if self._salts.next_end():
            self._destroy_in(self._salts.next_end() - now)


def _foreign_host(referrer: str, space: SpaceSeen) -> str:
    """Return a referrer's host; none when it is the space's own page."""
    if not referrer:
        return ""
    host = visit.host_of(referrer)
    is_own = any(host == visit.host_of(origin) for origin in space.origins)
    return "" if is_own else host
