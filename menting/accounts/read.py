"""What is asked about accounts: their list, their counts, and how a sign-in goes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Min, QuerySet

from menting.accounts.models import Account, AccountState

#: A back-off counts as failed for whoever watches after this many tries in a row.
HOPELESS = 3
#: Ids in one statement.
CHUNK = 5_000
_FAILED = (AccountState.NEEDS_AUTH, AccountState.BANNED)
_ASKED = ("pk", "handle", "state", "reason", "failures", "wanted_online")


class BadCursorError(Exception):
    """The cursor is none that a list gave out."""


@dataclass(frozen=True, slots=True)
class Item:
    """An account as lists and scripts get it (DESIGN section 7)."""

    id: int
    channel: str
    handle: str
    state: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and the cursor after which the next ones come."""

    items: list[Item]
    next: str | None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An account that is not live, and why."""

    id: int
    handle: str
    reason: str


@dataclass(frozen=True, slots=True)
class Which:
    """Which accounts are meant: all for which everything given here is so."""

    channel: str = ""
    state: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Down:
    """Accounts that are wanted online and are not, all for one reason."""

    channel: str
    state: str
    reason: str
    accounts: int
    #: Of the one that is down longest.
    since: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the asked accounts have come; the pending may still come online."""

    asked: int
    live: int
    pending: list[Unsettled]
    failed: list[Unsettled]


def items(
    *, state: str = "", channel: str = "", cursor: str | None = None, limit: int = 50
) -> Page:
    """Return accounts in the order of their ids, after `cursor`. Raises BadCursorError."""
    rows = Account.objects.filter(removed_at=None, pk__gt=_after(cursor)).order_by("pk")
    if state:
        rows = rows.filter(state=state)
    if channel:
        rows = rows.filter(channel=channel)
    found = [_item(row) for row in rows.defer("sealed", "resume", "options")[: limit + 1]]
    return Page(
        items=found[:limit], next=str(found[limit - 1].id) if len(found) > limit else None
    )


def one(account_id: int, *, also_removed: bool = True) -> Item | None:
    """Return an account, or None where there is none."""
    rows = Account.objects.filter(pk=account_id).defer("sealed", "resume", "options")
    row = (rows if also_removed else rows.filter(removed_at=None)).first()
    return _item(row) if row else None


def counts() -> dict[str, dict[str, int]]:
    """Return how many accounts each channel has in each state it has any in."""
    counted: dict[str, dict[str, int]] = {}
    rows = Account.objects.filter(removed_at=None).values_list("channel", "state")
    for channel, state, n in rows.annotate(n=Count("pk")).order_by("channel", "state"):
        counted.setdefault(channel, {})[state] = n
    return counted


def rows(which: Which) -> QuerySet[Account]:
    """Return the accounts that are meant, without those removed."""
    given = {
        name: said
        for name in ("channel", "state", "reason")
        if (said := getattr(which, name))
    }
    return Account.objects.filter(removed_at=None, **given)


def down(*, limit: int = 50) -> list[Down]:
    """Return why accounts are not online that are to be, the commonest reason first."""
    there = Account.objects.filter(removed_at=None, wanted_online=True)
    alike = there.exclude(state=AccountState.ONLINE).values("channel", "state", "reason")
    found = alike.annotate(accounts=Count("pk"), since=Min("since"))
    ordered = found.order_by("-accounts", "channel", "state", "reason")
    return [Down(**row) for row in ordered[:limit]]


def all_ids() -> list[int]:
    """Return the ids of all accounts."""
    rows = Account.objects.filter(removed_at=None).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def progress(ids: Iterable[int]) -> Progress:
    """Return how many of `ids` are live, which are on their way, and which have failed."""
    asked = sorted(set(ids))
    told = Progress(asked=len(asked), live=0, pending=[], failed=[])
    live = 0
    for start in range(0, len(asked), CHUNK):
        rows = Account.objects.filter(pk__in=asked[start:][:CHUNK]).order_by("pk")
        for pk, handle, state, reason, failures, is_wanted in rows.values_list(*_ASKED):
            if state == AccountState.ONLINE:
                live += 1
                continue
            is_lost = not is_wanted or state in _FAILED or _is_hopeless(state, failures)
            kind = told.failed if is_lost else told.pending
            kind.append(Unsettled(pk, handle, reason or _reason(state, is_wanted)))
    return replace(told, live=live)


def _after(cursor: str | None) -> int:
    try:
        return int(cursor or 0)
    except ValueError as error:
        raise BadCursorError(f"{cursor!r} is no cursor of this list") from error


def _item(row: Account) -> Item:
    return Item(row.pk, row.channel, row.handle, row.state, row.reason, row.since)


def _is_hopeless(state: str, failures: int) -> bool:
    return state == AccountState.BACKOFF and failures >= HOPELESS


def _reason(state: str, is_wanted: bool) -> str:
    return f"no answer yet ({state})" if is_wanted else "signed out meanwhile"
