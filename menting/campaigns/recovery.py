"""Rows whose sender is gone: what had not left goes back, what may have left is unknown."""

from datetime import datetime

from django.db import connection, transaction

from menting.base import lease
from menting.campaigns import statements


def recover(now: datetime) -> int:
    """Take rows from senders that are gone: claimed to ready, dispatching to unknown.

    Returns how many became unknown.
    """
    return sum(_recover(steps, now) for steps in statements.OF.values())


def _recover(steps: statements.Steps, now: datetime) -> int:
    dead = _dead_holders(steps)
    marks = "".join(" or lease_by = %s" for _ in dead)
    expired = f"(lease_until <= %s{marks})"
    which = (statements.stored(now), *dead)
    with connection.cursor() as cursor:
        cursor.execute(steps.expired.format(expired=expired), which)
        if cursor.fetchone() is None:
            return 0
        with transaction.atomic():
            cursor.execute(steps.expire_claimed.format(expired=expired), which)
            told = "the program stopped while it was being sent"
            given = (told, statements.stored(now), *which)
            cursor.execute(steps.expire_dispatching.format(expired=expired), given)
            return int(cursor.rowcount)


def _dead_holders(steps: statements.Steps) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(steps.leased)
        return [holder for (holder,) in cursor.fetchall() if lease.is_gone(holder)]
