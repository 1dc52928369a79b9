"""What the keeper writes: leases, states with their reason, resume tokens, renewed secrets.

A lease is a row's `lease_by` and `lease_until`. Whatever depends on it says
`WHERE lease_by = me`, so that a keeper that slept through its lease writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, When

from menting.accounts import vault
from menting.accounts.models import Account, AccountState
from menting.base import clock, lease
from menting.channels import base

#: Ended by an operator's word or a new secret, never by trying again.
NEVER_RETRIED = (AccountState.NEEDS_AUTH, AccountState.BANNED)
#: What a program that died left behind.
_LIVE = (AccountState.ONLINE, AccountState.CONNECTING)


@dataclass(frozen=True, slots=True)
class Mark:
    """A state to be written; `ends` gives the lease back in the same transaction."""

    account_id: int
    state: AccountState
    reason: str = ""
    retry_at: datetime | None = None
    failures: int = 0
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the platform goes on at the next start."""

    account_id: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Renewed:
    """What the platform handed out in place of a part of the secret."""

    account_id: int
    secret: Mapping[str, str] = field(repr=False)


Write = Mark | Resume | Renewed


@dataclass(frozen=True, slots=True)
class Ready:
    """All that a session needs to start."""

    channel: str
    account: base.Account
    resume: bytes
    failures: int


@transaction.atomic
def take(me: str, *, now: datetime, limit: int) -> list[int]:
    """Lease up to `limit` accounts that are wanted online and free; return their ids."""
    free = _wanted().filter(
        Q(lease_until=None) | Q(lease_until__lte=now),
        Q(retry_at=None) | Q(retry_at__lte=now),
    )
    rows = free.exclude(state__in=NEVER_RETRIED).order_by("pk")
    # On PostgreSQL two keepers take different rows; SQLite has one writer at a time anyway.
    mine = rows.select_for_update(skip_locked=True, no_key=True)
    ids = list(mine.values_list("pk", flat=True)[:limit])
    Account.objects.filter(pk__in=ids).update(lease_by=me, lease_until=lease.until(now))
    return ids


def has_free(*, now: datetime) -> bool:
    """Say, without a write transaction, whether `take` may find something."""
    free = _wanted().filter(Q(lease_until=None) | Q(lease_until__lte=now))
    return (
        free.filter(Q(retry_at=None) | Q(retry_at__lte=now))
        .exclude(state__in=NEVER_RETRIED)
        .exists()
    )


def held(me: str) -> set[int]:
    """Return the ids that `me` holds and that are still wanted online."""
    return set(_wanted().filter(lease_by=me).values_list("pk", flat=True))


@transaction.atomic
def renew(me: str, *, now: datetime) -> int:
    """Prolong every lease that `me` holds; return how many. One lost stays lost."""
    mine = _locked(Account.objects.filter(lease_by=me))
    return mine.update(lease_until=lease.until(now))


@transaction.atomic
def release(me: str, *, now: datetime) -> int:
    """Give back every lease of `me`, at the end of a keeper; return how many there were."""
    mine = _locked(Account.objects.filter(lease_by=me))
    mine.filter(state__in=_LIVE).update(
        state=AccountState.OFFLINE, reason="", since=now, failures=0
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
    rows = _locked(leased.filter(Q(lease_until__lte=now) | Q(lease_by__in=gone)))
    rows.filter(state__in=_LIVE).update(
        state=AccountState.OFFLINE, reason="the program that held it ended", since=now
    )
    return rows.update(lease_by="", lease_until=None)


def ready(me: str, account_id: int) -> Ready | None:
    """Return what a session needs, with the plain secret; None when the lease was lost.

    Raises crypto.CannotOpenError and vault.KeyMissingError.
    """
    row = _wanted().filter(pk=account_id, lease_by=me).first()
    if row is None:
        return None
    return Ready(row.channel, _told(row), bytes(row.resume), row.failures)


def addressed(channel: str, handle: str) -> base.Account | None:
    """Return the account that a webhook names, with its plain secret; None if removed.

    Also one that is signed out: what people say to it is heard whenever they say it.
    Raises crypto.CannotOpenError and vault.KeyMissingError.
    """
    row = Account.objects.filter(channel=channel, handle=handle, removed_at=None).first()
    return None if row is None else _told(row)


def ids_of(channel: str, handles: Iterable[str]) -> dict[str, int]:
    """Return the ids of a channel's accounts by their handles, without those removed."""
    rows = Account.objects.filter(
        channel=channel, handle__in=list(handles), removed_at=None
    )
    return dict(rows.values_list("handle", "pk"))


@transaction.atomic
def write(me: str, writes: Sequence[Write]) -> None:
    """Write all of a batch in one transaction, so that 100 sign-ins cost one fdatasync."""
    _locked(Account.objects.filter(pk__in={one.account_id for one in writes}))
    for one in writes:
        if isinstance(one, Renewed):
            keep_secret(one.account_id, one.secret)
        elif isinstance(one, Resume):
            keep_resume(one.account_id, one.token)
    mark(me, [one for one in writes if isinstance(one, Mark)])


@transaction.atomic
def mark(me: str, marks: Iterable[Mark]) -> None:
    """Write states of accounts that `me` holds; of several for one account the last."""
    last = {one.account_id: one for one in marks}
    alike: dict[Mark, list[int]] = {}
    for one in last.values():
        alike.setdefault(replace(one, account_id=0), []).append(one.account_id)
    for same, ids in alike.items():
        _mark(Account.objects.filter(pk__in=ids, lease_by=me), same)


def keep_resume(account_id: int, token: bytes) -> None:
    """Keep where the platform goes on; inside the transaction of the events before it."""
    Account.objects.filter(pk=account_id, removed_at=None).update(resume=token)


@transaction.atomic
def keep_secret(account_id: int, secret: Mapping[str, str]) -> None:
    """Seal what the platform handed out (a token) beside what the roster gave."""
    row = Account.objects.select_for_update().filter(pk=account_id, removed_at=None).first()
    if row is None:
        return  # removed meanwhile: its secret must not come back
    parts = vault.opened(row)
    given, kept = parts["given"], {**parts["kept"], **secret}
    news = {name: said for name, said in kept.items() if given.get(name) != said}
    row.sealed = vault.seal(row, given, kept=news)
    row.save(update_fields=["sealed"])


def _locked(rows: QuerySet[Account]) -> QuerySet[Account]:
    """Lock rows in the order of their ids, so that no two transactions wait crosswise."""
    if connection.features.has_select_for_update:
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    return rows


def _told(row: Account) -> base.Account:
    return base.Account(
        id=row.pk,
        handle=row.handle,
        name=row.name,
        secret=vault.open(row),
        options=row.options,
    )


def _wanted() -> QuerySet[Account]:
    return Account.objects.filter(wanted_online=True, removed_at=None)


def _mark(rows: QuerySet[Account], new: Mark) -> None:
    fields = {
        "state": new.state,
        "reason": new.reason[:300],
        "retry_at": new.retry_at,
        "failures": new.failures,
    }
    since = Case(When(state=new.state, then=F("since")), default=clock.now())
    rows.exclude(**fields).update(since=since, **fields)
    if new.ends:
        rows.update(lease_by="", lease_until=None)
