"""Lease arithmetic: who holds a row until when; the rows themselves lie with the parts."""

import os
import secrets
import socket
from datetime import datetime, timedelta

#: A holder renews at a third of this, so that two missed renewals lose nothing.
LEASE = timedelta(seconds=30)
RENEW_EVERY = LEASE / 3


def holder_name() -> str:
    """Return a name for this run of this process, never used again by another run."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


def until(now: datetime, length: timedelta = LEASE) -> datetime:
    """Return when a lease taken at `now` ends."""
    return now + length


def is_free(holder: str, lease_until: datetime | None, *, now: datetime, me: str) -> bool:
    """Say whether `me` may take the row: unheld, already mine, or held too long."""
    return holder in ("", me) or lease_until is None or lease_until <= now
