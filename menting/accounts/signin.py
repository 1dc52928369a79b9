"""What the operators want: which accounts are to be online, and which are no more."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from menting.accounts import bell, read
from menting.accounts.models import Account, AccountState
from menting.accounts.read import Which
from menting.base import clock
from menting.users import audit, guard
from menting.users.guard import Actor

#: Ids in one statement; SQLite takes 32,766 variables, PostgreSQL 65,535.
CHUNK = 5_000

#: States that only an operator's word or a new secret ends, and the wait for a retry.
STUCK = (AccountState.NEEDS_AUTH, AccountState.BANNED, AccountState.BACKOFF)
_AFRESH: dict[str, Any] = {
    **dict.fromkeys(("retry_at", "flapping_since", "resting_since")),
    **dict.fromkeys(("failures", "flaps", "rests"), 0),
}


class UnknownAccountError(Exception):
    """There is no such account, or it was removed."""


@transaction.atomic
def want_online(actor: Actor, ids: Iterable[int] | None = None) -> int:
    """Want these accounts online, without ids all of them; return how many were asked.

    Also asks again for those that need a sign-in, are banned or wait to be retried.
    Raises UnknownAccountError and guard.NotAllowedError.
    """
    guard.check(actor, "accounts.signin")
    asked = 0
    for rows in _rows(ids):
        asked += rows.update(wanted_online=True)
        retry_now(rows)
    _tell(actor, "account.signin", ids, asked)
    return asked


@transaction.atomic
def want_offline(actor: Actor, ids: Iterable[int] | None = None) -> int:
    """Want these accounts offline; return how many were asked. Raises as `want_online`."""
    guard.check(actor, "accounts.signout")
    asked = 0
    for rows in _rows(ids):
        asked += rows.update(wanted_online=False)
        _put_offline(rows, clock.now())
    _tell(actor, "account.signout", ids, asked)
    return asked


@transaction.atomic
def retry_where(actor: Actor, which: Which) -> int:
    """Try those at once that wait, need a sign-in or are banned; return how many.

    Also ends the rest of what flapped. Raises guard.NotAllowedError.
    """
    guard.check(actor, "accounts.signin")
    stuck = read.rows(which).filter(wanted_online=True, state__in=STUCK)
    asked = stuck.count()
    retry_now(stuck)
    _tell_of(actor, "account.retry", which, asked)
    return asked


@transaction.atomic
def remove(actor: Actor, account_id: int) -> None:
    """Sign an account out and destroy its secret; its row stays, for what hangs on it.

    Raises UnknownAccountError and guard.NotAllowedError.
    """
    guard.check(actor, "accounts.remove")
    now = clock.now()
    for rows in _rows([account_id]):
        _put_offline(rows, now)
        rows.update(wanted_online=False, removed_at=now, sealed=b"", resume=b"")
    _tell(actor, "account.remove", [account_id], 1)


def retry_now(rows: QuerySet[Account]) -> None:
    """Let a keeper try the stuck ones among `rows` at once, as if for the first time."""
    rows.filter(_is_free(clock.now()), state__in=STUCK).update(
        state=AccountState.OFFLINE, reason="", since=clock.now(), **_AFRESH
    )


def _rows(ids: Iterable[int] | None) -> Iterator[QuerySet[Account]]:
    there = Account.objects.filter(removed_at=None)
    if ids is None:
        yield there
        return
    rest = iter(sorted(set(ids)))
    while chunk := list(islice(rest, CHUNK)):
        rows = there.filter(pk__in=chunk)
        found = set(rows.values_list("pk", flat=True))
        if missing := [str(pk) for pk in chunk if pk not in found]:
            told = gettext("there is no account %(ids)s")
            raise UnknownAccountError(told % {"ids": ", ".join(missing[:5])})
        yield rows


def _is_free(now: datetime) -> Q:
    """No keeper has it; a keeper that has one brings it offline itself, within a second."""
    return Q(lease_until=None) | Q(lease_until__lte=now)


def _put_offline(rows: QuerySet[Account], now: datetime) -> None:
    rows.filter(_is_free(now)).exclude(state=AccountState.OFFLINE).update(
        state=AccountState.OFFLINE, reason="", since=now, **_AFRESH
    )


def _tell_of(actor: Actor, act: str, which: Which, asked: int) -> None:
    audit.record(
        actor,
        act,
        detail={"accounts": asked, "channel": which.channel, "state": which.state},
    )
    bell.ring()


def _tell(actor: Actor, act: str, ids: Iterable[int] | None, asked: int) -> None:
    one = list(ids) if ids is not None and asked == 1 else []
    target = f"account:{one[0]}" if one else ""
    audit.record(actor, act, target=target, detail={"accounts": asked})
    bell.ring()
