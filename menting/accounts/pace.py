"""Pace: GCRA on the rows of accounts and bonds, debited in the transaction of the claim."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from menting.accounts.models import Account, Bond
from menting.base import clock, pace
from menting.base.pace import Rate


@dataclass(slots=True)
class _Room:
    """How many an account may still send by its own limit, and since when it is silent."""

    own: int
    tat: int
    bond: int | None


class Allowance:
    """What may go in one claim: by each account's limit, and by a bond's for all of it."""

    def __init__(self, rooms: dict[int, _Room], bonds: dict[int, int]) -> None:
        self._rooms, self._bonds = rooms, bonds

    @property
    def accounts(self) -> list[int]:
        """Return those whose own limit has room, in order."""
        return sorted(self._rooms)

    def turns(self, waiting: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield who may send now and how many; `spend` what was taken before the next.

        A bond's room is shared out, the longest silent first, and what one leaves of its
        share is there for those after it.
        """
        queue = sorted((pk for pk in waiting if pk in self._rooms), key=self._order)
        behind = Counter(self._rooms[pk].bond for pk in queue)
        for pk in queue:
            bond = self._rooms[pk].bond
            if most := self._share(pk, among=behind[bond]):
                yield pk, most
            behind[bond] -= 1

    def spend(self, account_id: int, n: int) -> None:
        """Count what was taken in this claim; `debit` writes it."""
        room = self._rooms[account_id]
        room.own -= n
        if room.bond is not None:
            self._bonds[room.bond] -= n

    def take_one(self, account_id: int) -> bool:
        """Spend one if there is room."""
        may = account_id in self._rooms and self._share(account_id, among=1) > 0
        if may:
            self.spend(account_id, 1)
        return may

    def _order(self, account_id: int) -> tuple[int, int]:
        # Without a bond nobody waits for another: the order of ids is the outbox's own.
        room = self._rooms[account_id]
        return (0 if room.bond is None else room.tat, account_id)

    def _share(self, account_id: int, *, among: int) -> int:
        room = self._rooms[account_id]
        if room.bond is None:
            return room.own
        return min(room.own, -(-self._bonds[room.bond] // among))


def allow(account_ids: Sequence[int], *, now: datetime, most: int) -> Allowance:
    """Return what these accounts may send at `now`, at most `most` each.

    Inside the transaction that debits it: the bonds stay locked until then, since their
    accounts may be held by several processes.
    """
    rows = Account.objects.filter(pk__in=account_ids, removed_at=None)
    rooms: dict[int, _Room] = {}
    for pk, bond, *limit in rows.values_list("pk", "bond_id", "tat", "interval", "burst"):
        if own := _free(*limit, now=now, most=most):
            rooms[pk] = _Room(own, limit[0], bond)
    bound = Counter(room.bond for room in rooms.values() if room.bond is not None)
    bonds = Bond.objects.filter(pk__in=bound).order_by("pk").select_for_update(no_key=True)
    limits = bonds.values_list("pk", "tat", "interval", "burst") if bound else ()
    return Allowance(
        rooms,
        {pk: _free(*limit, now=now, most=most * bound[pk]) for pk, *limit in limits},
    )


def debit(spent: Mapping[int, int], *, now: datetime) -> None:
    """Count messages against the limits of accounts and bonds: how many by account."""
    here = clock.micros(now)
    # By id, as all lock accounts: two transactions never wait crosswise.
    given = [(here, here, n, pk) for pk, n in sorted(spent.items())]
    with connection.cursor() as cursor:
        cursor.executemany(_DEBIT, given)
        cursor.executemany(_DEBIT_BOND, given)


def hold(account_id: int, *, until: datetime) -> None:
    """Let the account send nothing before `until`, as its platform asked (Retry-After)."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, (clock.micros(until), account_id, clock.micros(until)))


def _free(tat: int, interval: int, burst: int, *, now: datetime, most: int) -> int:
    # What has no limit has headroom always; its platform may still ask to wait.
    if interval == 0 and tat > clock.micros(now):
        return 0
    return pace.headroom(Rate(interval, burst), tat, now, wanted=most)


#: The arithmetic of `base.pace.debit`, where the row is.
_DEBIT = """
update accounts_account
set tat = case when tat > %s then tat else %s end + interval * %s where id = %s"""
_DEBIT_BOND = """
update accounts_bond
set tat = case when tat > %s then tat else %s end + interval * %s
where id = (select bond_id from accounts_account where id = %s)"""

#: One may go at `until` and no more: the burst was what the platform refused.
_HOLD = """
update accounts_account set tat = %s + (burst - 1) * interval
where id = %s and tat < %s + (burst - 1) * interval"""
