"""The one source of time: aware UTC, and integers where a store or a limit wants them."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def now_millis() -> int:
    """Return whole milliseconds since 1970 now; a sixth of the cost of `now`."""
    return time.time_ns() // 1_000_000


def micros(at: datetime) -> int:
    """Return microseconds since 1970; exact, where a float of seconds would not be."""
    whole = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000 + whole.microseconds


def millis(at: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return micros(at) // 1000


def from_millis(value: int) -> datetime:
    """Return the aware UTC time of `value` milliseconds since 1970."""
    return datetime.fromtimestamp(value / 1000, UTC)
