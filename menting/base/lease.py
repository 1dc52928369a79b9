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


def is_gone(holder: str) -> bool:
    """Say whether the holder's process is known to have ended: its leases are void at once.

    Known on its own machine only; elsewhere, and where the number was given to another
    process, the lease's end must be waited for.
    """
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname()[:40] or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
