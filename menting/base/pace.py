"""GCRA in integer microseconds: how many may go now, and when the next may.

Floats of epoch seconds fail here: at 1.7e9 one step of a float is 0.24 microseconds, and
a burst of one is then never claimed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from menting.base import clock


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit: one in `interval` microseconds, after a first `burst`. 0 means no limit."""

    interval: int
    burst: int = 1

    @classmethod
    def per(cls, n: int, window: timedelta, *, burst: int = 1) -> "Rate":
        """Return the rate of `n` in `window`."""
        return cls(interval=int(window / timedelta(microseconds=1)) // n, burst=burst)


UNLIMITED = Rate(interval=0)


def headroom(rate: Rate, tat: int, now: datetime, *, wanted: int) -> int:
    """Return how many of `wanted` may go at `now`, given the theoretical arrival time."""
    if rate.interval == 0:
        return wanted
    here = clock.micros(now)
    free = (here + rate.burst * rate.interval - max(tat, here)) // rate.interval
    return max(0, min(wanted, free))


def debit(rate: Rate, tat: int, now: datetime, *, spent: int) -> int:
    """Return the theoretical arrival time after `spent` have gone."""
    return max(tat, clock.micros(now)) + rate.interval * spent
