"""Pace: GCRA on the accounts' rows, debited in the transaction of the claim."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection

from menting.accounts.models import Account
from menting.base import clock, pace
from menting.base.pace import Rate


def allowances(account_ids: Sequence[int], *, now: datetime, most: int) -> dict[int, int]:
    """Return how many each account may send at `now`, where any, at most `most`."""
    rows = Account.objects.filter(pk__in=account_ids, removed_at=None)
    free = {
        pk: _free(Rate(interval, burst), tat, now, most)
        for pk, tat, interval, burst in rows.values_list("pk", "tat", "interval", "burst")
    }
    return {pk: n for pk, n in free.items() if n}


def debit(spent: Mapping[int, int], *, now: datetime) -> None:
    """Count messages against the limits: how many by account."""
    here = clock.micros(now)
    with connection.cursor() as cursor:
        # By id, as all lock accounts: two transactions never wait crosswise.
        cursor.executemany(_DEBIT, [(here, here, n, pk) for pk, n in sorted(spent.items())])


def hold(account_id: int, *, until: datetime) -> None:
    """Let the account send nothing before `until`, as its platform asked (Retry-After)."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, (clock.micros(until), account_id, clock.micros(until)))


def _free(rate: Rate, tat: int, now: datetime, most: int) -> int:
    # An account without a limit has headroom always; its platform may still ask to wait.
    if rate.interval == 0 and tat > clock.micros(now):
        return 0
    return pace.headroom(rate, tat, now, wanted=most)


#: The arithmetic of `base.pace.debit`, where the row is.
_DEBIT = """
update accounts_account
set tat = case when tat > %s then tat else %s end + interval * %s where id = %s"""

#: One may go at `until` and no more: the burst was what the platform refused.
_HOLD = """
update accounts_account set tat = %s + (burst - 1) * interval
where id = %s and tat < %s + (burst - 1) * interval"""
