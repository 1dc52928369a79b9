"""Discord's limits: the buckets of a bot's routes, and the bad requests of one IP.

https://docs.discord.com/developers/topics/rate-limits
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from menting.channels import base

#: An IP is shut out after 10,000 in 10 minutes; other processes, and other programs
#: behind the same address, have their share of them.
MOST_BAD, WINDOW_MINUTES = 4_000, 10
#: Buckets that have filled again are dropped beyond so many.
MOST_BUCKETS = 512
#: Two ends of a window closer than this in seconds are the same window, told twice.
SAME_WINDOW = 0.5


@dataclass(frozen=True, slots=True)
class Route:
    """A call: limits are of its method, its template, and the first id in it."""

    method: str
    template: str
    ids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return the path itself."""
        return self.template.format(*self.ids)

    @property
    def place(self) -> str:
        """Return the channel or guild that the limit is of, empty for neither."""
        return self.ids[0] if self.template.startswith(("/channels/", "/guilds/")) else ""


@dataclass(slots=True)
class _Left:
    remaining: int
    reset_at: float


class Buckets:
    """What one bot's routes still bear, as the headers of the answers said."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._left: dict[tuple[str, str], _Left] = {}
        self._closed_until = 0.0

    def spend(self, route: Route) -> None:
        """Count one request. Raises Throttled when its bucket is empty."""
        now = time.monotonic()
        if now < self._closed_until:
            raise _wait(self._closed_until - now, of_peer=False)
        left = self._left.get(self._key(route))
        if left is None or now >= left.reset_at:
            return
        if left.remaining <= 0:
            raise _wait(left.reset_at - now, of_peer=bool(route.place))
        left.remaining -= 1

    def learn(self, route: Route, headers: Mapping[str, str]) -> None:
        """Take what an answer says of its bucket."""
        if name := headers.get("X-RateLimit-Bucket"):
            self._names[route.method, route.template] = name
        try:
            remaining = int(headers["X-RateLimit-Remaining"])
            reset_at = time.monotonic() + float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        before = self._left.get(self._key(route))
        if before is not None and abs(before.reset_at - reset_at) < SAME_WINDOW:
            # Requests that are still on their way are counted here, and not yet there.
            remaining = min(remaining, before.remaining)
        self._keep(route, _Left(remaining, reset_at))

    def close(self, route: Route, seconds: float, *, is_global: bool) -> None:
        """Let nothing more through, of the route's bucket or at all."""
        until = time.monotonic() + seconds
        if is_global:
            self._closed_until = max(self._closed_until, until)
        else:
            self._keep(route, _Left(0, until))

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._left)

    def _keep(self, route: Route, left: _Left) -> None:
        self._left[self._key(route)] = left
        if len(self._left) > MOST_BUCKETS:
            now = time.monotonic()
            self._left = {key: one for key, one in self._left.items() if one.reset_at > now}

    def _key(self, route: Route) -> tuple[str, str]:
        name = self._names.get((route.method, route.template))
        return name or f"{route.method} {route.template}", route.place


class BadRequests:
    """What was refused with 401, 403 or 429 at one host, counted by the minute."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def count(self) -> None:
        """Count one."""
        minute = self._minute()
        self._counts[minute] = self._counts.get(minute, 0) + 1

    def check(self) -> None:
        """Raise Throttled when one more might shut this IP out."""
        minute = self._minute()
        self._counts = {
            at: number
            for at, number in self._counts.items()
            if at >= minute - WINDOW_MINUTES
        }
        if sum(self._counts.values()) >= MOST_BAD:
            oldest = min(self._counts)
            free_at = (oldest + WINDOW_MINUTES + 1) * 60
            raise base.Throttled(
                "too many requests of this installation were refused",
                retry_after=max(1.0, free_at - time.monotonic()),
            )

    def _minute(self) -> int:
        return int(time.monotonic() // 60)


def _wait(seconds: float, *, of_peer: bool) -> base.Throttled:
    return base.Throttled("Discord asks to wait", retry_after=seconds, of_peer=of_peer)
