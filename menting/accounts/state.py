"""What the keeper writes: states with their reason, resume tokens, renewed secrets.

States say `WHERE lease_by = me`, so that a keeper that slept through its lease writes none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from menting.accounts import bell, leases, vault
from menting.accounts.models import Account, AccountState
from menting.base import clock, crypto
from menting.channels import base


@dataclass(frozen=True, slots=True)
class Past:
    """How an account's sessions have ended lately, kept over restarts."""

    failures: int = 0
    #: Ends soon after the account had come online, and since when they are counted.
    flaps: int = 0
    flapping_since: datetime | None = None
    rests: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A state to be written; `ends` gives the lease back in the same transaction."""

    account_id: int
    state: AccountState
    reason: str = ""
    retry_at: datetime | None = None
    past: Past = Past()
    #: The wait is a rest of an account that flaps.
    rests: bool = False
    #: What the session can do; empty leaves what was known.
    caps: str = ""
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

    account: base.Account
    resume: bytes
    past: Past


#: The vault cannot open the secret: an operator must act.
Locked = crypto.CannotOpenError | vault.KeyMissingError


@transaction.atomic
def nudge(account_id: int) -> None:
    """Tell whoever holds the account's session that something waits to be fetched."""
    Account.objects.filter(pk=account_id).update(nudged_at=clock.now())
    bell.ring()


def ready(me: str, ids: Iterable[int]) -> dict[int, Ready | Locked]:
    """Return what sessions need, with the plain secret, or why the vault keeps it.

    Accounts whose lease was lost are not among them.
    """
    asked = list(ids)
    marks = ", ".join(["%s"] * len(asked))
    # As SQL: for a dozen rows, Django takes twice as long to build the query as to ask it.
    rows = Account.objects.raw(_READY.format(ids=marks), [*asked, me]) if asked else ()
    try:
        by = vault.keys()
    except vault.KeyMissingError as error:
        return {row.pk: error for row in rows}
    return {row.pk: _ready(row, by) for row in rows}


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
    leases.locked(Account.objects.filter(pk__in={one.account_id for one in writes}))
    news: dict[int, dict[str, str]] = {}
    for one in writes:
        if isinstance(one, Renewed):
            news.setdefault(one.account_id, {}).update(one.secret)
    keep_secrets(news)
    resumes = [(one.token, one.account_id) for one in writes if isinstance(one, Resume)]
    _each(_KEEP_RESUME, resumes)
    mark(me, [one for one in writes if isinstance(one, Mark)])


@transaction.atomic(savepoint=False)
def mark(me: str, marks: Iterable[Mark]) -> None:
    """Write states of accounts that `me` holds; of several for one account the last."""
    last = {one.account_id: one for one in marks}.values()
    _each(_MARK, [(*_columns(one), one.account_id, me) for one in last])
    _each(_END, [(one.account_id, me) for one in last if one.ends])


def keep_secret(account_id: int, secret: Mapping[str, str]) -> None:
    """Seal what the platform handed out (a token) beside what the roster gave."""
    keep_secrets({account_id: secret})


@transaction.atomic(savepoint=False)
def keep_secrets(news: Mapping[int, Mapping[str, str]]) -> None:
    """Seal by account id what platforms handed out, beside what the roster gave."""
    if not news:
        return
    # One that was removed meanwhile is not found: its secret must not come back.
    rows = Account.objects.select_for_update().filter(pk__in=news, removed_at=None)
    # The keys after the rows: while they are locked, no change of key passes them by.
    found, by = list(rows.only("sealed")), vault.keys()
    _each(_RESEAL, [(_sealed(row, news[row.pk], by), row.pk) for row in found])


def _ready(row: Account, by: vault.Keys) -> Ready | Locked:
    past = Past(row.failures, row.flaps, row.flapping_since, row.rests)
    try:
        return Ready(_told(row, by), bytes(row.resume), past)
    except crypto.CannotOpenError as error:
        return error


def _sealed(row: Account, secret: Mapping[str, str], by: vault.Keys) -> bytes:
    parts = vault.opened(row, by=by)
    given, kept = parts["given"], {**parts["kept"], **secret}
    news = {name: said for name, said in kept.items() if given.get(name) != said}
    return vault.seal(row, given, kept=news, by=by)


def _told(row: Account, by: vault.Keys = ()) -> base.Account:
    return base.Account(
        id=row.pk,
        handle=row.handle,
        name=row.name,
        secret=vault.open(row, by=by),
        options=row.options,
    )


def _each(statement: str, given: Sequence[tuple[Any, ...]]) -> None:
    if given:
        with connection.cursor() as cursor:
            cursor.executemany(statement, given)


def _columns(new: Mark) -> tuple[Any, ...]:
    stored, now = connection.ops.adapt_datetimefield_value, clock.now()
    return (
        *(new.state, stored(now), new.state, new.reason[:300], stored(new.retry_at)),
        *(new.past.failures, new.past.flaps, stored(new.past.flapping_since)),
        *(new.past.rests, stored(now) if new.rests else None, new.caps, new.caps),
    )


# Written out: thousands of sessions that are lost at once have each its own wait, and a
# statement of Django's for each would hold the write lock for half a second.
_MARK = """
update accounts_account
set since = case when state = %s then since else %s end, state = %s, reason = %s,
  retry_at = %s, failures = %s, flaps = %s, flapping_since = %s, rests = %s,
  resting_since = %s, caps = case when %s = '' then caps else %s end
where id = %s and lease_by = %s"""
_END = """
update accounts_account set lease_by = '', lease_until = null
where id = %s and lease_by = %s"""
_READY = """
select id, channel, handle, name, options, sealed, resume, failures, flaps,
  flapping_since, rests
from accounts_account
where id in ({ids}) and lease_by = %s and wanted_online and removed_at is null"""
_RESEAL = "update accounts_account set sealed = %s where id = %s"
_KEEP_RESUME = """
update accounts_account set resume = %s where id = %s and removed_at is null"""
