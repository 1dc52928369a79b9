"""Which keeper holds which accounts: a row's `lease_by` and `lease_until`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from menting.accounts.models import Account, AccountState, Bond
from menting.base import lease

#: Ended by an operator's word or a new secret, never by trying again.
NEVER_RETRIED = (AccountState.NEEDS_AUTH, AccountState.BANNED)
#: Leases renewed in one transaction, some 10 ms.
RENEWED = 1_000
#: What a program that died left behind.
_LIVE = (AccountState.ONLINE, AccountState.CONNECTING)


@dataclass(frozen=True, slots=True)
class Taken:
    """An account that was leased just now, and whom it signs in at."""

    id: int
    channel: str
    host: str


@transaction.atomic
def take(me: str, *, now: datetime, limit: int) -> list[Taken]:
    """Lease up to `limit` accounts that are wanted online and free; they are connecting.

    Accounts on one connection (`Bond.one_holder`) go to whoever holds one of them already.
    """
    wanted = _first_free(me, now, limit)
    taken = _locked_free(me, now, wanted)
    if not taken and len(wanted) == limit:
        # Another keeper takes these at this moment: those behind them.
        taken = _locked_free(me, now, _first_free(me, now, limit, after=wanted[-1][0]))
    Account.objects.filter(pk__in=[one.id for one in taken]).update(
        lease_by=me,
        lease_until=lease.until(now),
        state=AccountState.CONNECTING,
        reason="",
        since=now,
        retry_at=None,
        resting_since=None,
        nudged_at=None,
    )
    return taken


def has_free(me: str, *, now: datetime) -> bool:
    """Say, without a write transaction, whether `take` may find something."""
    return _free(me, now).exists()


def held(me: str) -> set[int]:
    """Return the ids that `me` holds and that are still wanted online."""
    return set(_wanted().filter(lease_by=me).values_list("pk", flat=True))


def tally(me: str) -> tuple[int, int]:
    """Return how many ids `held` has, and their sum, at a twentieth of the cost."""
    told = _wanted().filter(lease_by=me).aggregate(n=Count("pk"), ids=Sum("pk"))
    return told["n"], told["ids"] or 0


def renew(me: str, *, now: datetime) -> int:
    """Prolong every lease that `me` holds; return how many. One lost stays lost.

    In transactions of RENEWED rows: the write lock is free between them.
    """
    mine = Account.objects.filter(lease_by=me)
    ids = list(mine.order_by("pk").values_list("pk", flat=True))
    until, renewed = lease.until(now), 0
    for start in range(0, len(ids), RENEWED):
        chunk = ids[start:][:RENEWED]
        with transaction.atomic():
            rows = locked(mine.filter(pk__gte=chunk[0], pk__lte=chunk[-1]))
            renewed += rows.update(lease_until=until)
    return renewed


def give_back(me: str, ids: Iterable[int]) -> None:
    """Let accounts that `me` holds be taken anew."""
    mine = Account.objects.filter(pk__in=list(ids), lease_by=me)
    mine.update(lease_by="", lease_until=None)


@transaction.atomic
def release(me: str, *, now: datetime) -> int:
    """Give back every lease of `me`, at the end of a keeper; return how many there were."""
    mine = locked(Account.objects.filter(lease_by=me))
    mine.filter(state__in=_LIVE).update(
        state=AccountState.OFFLINE, reason="", since=now, failures=0, flaps=0
    )
    return mine.update(lease_by="", lease_until=None)


@transaction.atomic
def expire(*, now: datetime) -> int:
    """Free the accounts of programs that died, and show them offline; return how many.

    One that died on this machine is known at once; of another the leases must run out.
    """
    leased = Account.objects.exclude(lease_by="")
    holders = leased.order_by().values_list("lease_by", flat=True).distinct()
    gone = [holder for holder in holders if lease.is_gone(holder)]
    rows = locked(leased.filter(Q(lease_until__lte=now) | Q(lease_by__in=gone)))
    rows.filter(state__in=_LIVE).update(
        state=AccountState.OFFLINE, reason="the program that held it ended", since=now
    )
    return rows.update(lease_by="", lease_until=None)


def take_nudges(me: str) -> list[int]:
    """Return the accounts of `me` that were nudged since it was asked last."""
    nudged = Account.objects.filter(lease_by=me, nudged_at__isnull=False)
    if not (told := list(nudged.values_list("pk", "nudged_at"))):
        return []
    latest = max(at for _, at in told if at)
    # A nudge that came after the look is for the next one.
    nudged.filter(nudged_at__lte=latest).update(nudged_at=None)
    return [pk for pk, _ in told]


def locked(rows: QuerySet[Account]) -> QuerySet[Account]:
    """Lock rows in the order of their ids, so that no two transactions wait crosswise."""
    if connection.features.has_select_for_update:
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    return rows


def _wanted() -> QuerySet[Account]:
    return Account.objects.filter(wanted_online=True, removed_at=None)


def _free(me: str, now: datetime) -> QuerySet[Account]:
    """Return what may be leased by `me`."""
    bound_elsewhere = Account.objects.filter(
        bond=OuterRef("bond"), bond__one_holder=True, lease_until__gt=now
    ).exclude(lease_by__in=("", me))
    return (
        _wanted()
        .filter(Q(lease_until=None) | Q(lease_until__lte=now))
        .filter(Q(retry_at=None) | Q(retry_at__lte=now))
        .exclude(state__in=NEVER_RETRIED)
        .filter(Q(bond=None) | ~Exists(bound_elsewhere))
    )


def _first_free(
    me: str, now: datetime, limit: int, *, after: int = 0
) -> list[tuple[int, int | None]]:
    """Return accounts that may be leased, each with its bond."""
    rows = _free(me, now).filter(pk__gt=after).order_by("pk")
    return list(rows.values_list("pk", "bond_id")[:limit])


def _locked_free(
    me: str, now: datetime, wanted: Sequence[tuple[int, int | None]]
) -> list[Taken]:
    """Lock those that are still free; on PostgreSQL, that no other keeper has locked."""
    # The bonds first, then the accounts: as claims and imports lock them.
    elsewhere = _bonds_elsewhere(me, {bond for _, bond in wanted if bond}, now)
    free = [pk for pk, bond in wanted if bond not in elsewhere]
    rows = _free(me, now).filter(pk__in=free).order_by("pk")
    # SQLite has one writer at a time anyway.
    mine = rows.select_for_update(of=("self",), skip_locked=True, no_key=True)
    return [Taken(*row) for row in mine.values_list("pk", "channel", "host")]


def _bonds_elsewhere(me: str, bonds: set[int], now: datetime) -> set[int]:
    """Lock those of the bonds that have one holder; return which others hold meanwhile."""
    rows = Bond.objects.filter(pk__in=bonds, one_holder=True).order_by("pk")
    if not bonds or not (locked := list(rows.select_for_update(no_key=True))):
        return set()
    others = Account.objects.filter(bond__in=locked, lease_until__gt=now)
    others = others.exclude(lease_by__in=("", me))
    return set(others.values_list("bond_id", flat=True))
