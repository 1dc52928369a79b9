"""Days in a space's zone, and nameless ids that cannot be made again once a day is over."""

import hashlib
import secrets
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from menting.visits import visit

#: A salt outlives its day by this long, for a clock that is set back over midnight.
BRIDGE_MS = 30 * 60 * 1000
SALT_BYTES = 32
_31_BITS = 0x7FFF_FFFF


class Days:
    """Tells the day of a millisecond; remembers each zone's present day's bounds."""

    def __init__(self) -> None:
        self._bounds: dict[str, tuple[int, int, int]] = {}

    def day(self, at: int, *, zone: ZoneInfo) -> int:
        """Return days since 1970 in `zone` at `at` milliseconds."""
        start, end, day = self._bounds.get(zone.key, (0, 0, 0))
        if start <= at < end:
            return day
        local = datetime.fromtimestamp(at // 1000, UTC).astimezone(zone).date()
        day = visit.day_of(local)
        self._bounds[zone.key] = (
            start_of(day, zone=zone),
            start_of(day + 1, zone=zone),
            day,
        )
        return day

    def end(self, day: int, *, zone: ZoneInfo) -> int:
        """Return the millisecond at which `day` is over in `zone`."""
        return start_of(day + 1, zone=zone)


class Salts:
    """One random salt a space and day, in memory only; while it lives, ids are personal.

    After its destruction an id cannot be tied to an address again, not even by trying all
    of them. A restart makes a new salt: a small over-count of daily visitors.
    """

    def __init__(self) -> None:
        self._salts: dict[tuple[int, int], tuple[bytes, int]] = {}
        self._next_end = 0

    def anonymous_id(self, *, space: int, day: int, ends: int, caller: str) -> int:
        """Return the 31-bit id of `caller` (address and user agent) on that day.

        `ends` is the millisecond at which the day is over; its scope is one space and day,
        so 31 bits do.
        """
        salt = self._salt(space, day, ends)
        digest = hashlib.blake2b(caller.encode(), digest_size=4, key=salt).digest()
        return (int.from_bytes(digest) & _31_BITS) or 1

    def destroy(self, now: int) -> None:
        """Forget the salts of days that are over by more than the bridge."""
        if now < self._next_end:
            return
        self._salts = {
            key: (salt, ends)
            for key, (salt, ends) in self._salts.items()
            if ends + BRIDGE_MS > now
        }
        self._next_end = min(
            (ends + BRIDGE_MS for _, ends in self._salts.values()), default=0
        )

    def next_end(self) -> int:
        """Return the millisecond at which the next salt is to be destroyed, 0 for none."""
        return self._next_end

    def _salt(self, space: int, day: int, ends: int) -> bytes:
        found = self._salts.get((space, day))
        if found is None:
            found = (secrets.token_bytes(SALT_BYTES), ends)
            self._salts[space, day] = found
            self._next_end = min(self._next_end or ends + BRIDGE_MS, ends + BRIDGE_MS)
        return found[0]


@lru_cache(maxsize=4096)
def start_of(day: int, *, zone: ZoneInfo) -> int:
    """Return the millisecond at which a day (since 1970) begins in `zone`."""
    midnight = datetime.combine(visit.date_of(day), datetime.min.time(), tzinfo=zone)
    return int(midnight.timestamp()) * 1000


def bounds(first: date, last: date, *, zone: ZoneInfo) -> tuple[int, int]:
    """Return the first millisecond of `first` and the first after `last` in `zone`."""
    after = visit.day_of(last + timedelta(days=1))
    return start_of(visit.day_of(first), zone=zone), start_of(after, zone=zone)
