"""The outbox: at most one accepted send a row, whatever is killed when.

planned → ready → claimed → dispatching → accepted | rejected | unknown, or skipped by a
gate. `dispatching` is committed before the network is touched, so what a dead sender left
there may have gone out: it becomes `unknown`, never `ready`. What it left in `claimed` has
not. The network is no part of any transaction here.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from menting.accounts import pace
from menting.base import clock, ids, lease
from menting.campaigns import afterwards, postings, statements
from menting.campaigns.models import Campaign, CampaignState, Delivery
from menting.channels.base import Peer
from menting.people.outbound import (
    Accepted,
    Later,
    Outbound,
    Outcome,
    Rejected,
    Skipped,
    Unknown,
)
from menting.users import house

_Step = tuple[str, tuple[Any, ...]]

log = structlog.get_logger(__name__)

#: At most so many rows of an account a claim: a lane's share must fit into its lease.
LANE = 50
#: Tries that were proven not to have left; after the last one the row is rejected.
MOST_ATTEMPTS = 20
LONGEST_WAIT = timedelta(minutes=5)
_TEXTS_A_TURN = 1_000


def claim(
    me: str, accounts: Sequence[int], *, now: datetime, limit: int, lane: int = LANE
) -> list[Outbound]:
    """Lease what `accounts` may send now, their pace debited; consent is checked again.

    What lost its consent, or its conversation, is skipped and costs no pace.
    """
    got = _claim(me, accounts, now=now, limit=limit, lane=lane)
    return got + postings.claim(me, accounts, now=now, limit=limit - len(got))


def dispatch(item: Outbound, text: str, *, me: str) -> bool:
    """Commit that `text` is about to leave; False: it must not any more.

    False when the claim was lost, the campaign was paused, or the person opted out since.
    """
    return dispatch_all([(item, text)], me=me)[0]


@transaction.atomic
def dispatch_all(items: Sequence[tuple[Outbound, str]], *, me: str) -> list[bool]:
    """Do `dispatch` for several lanes in one transaction, in their order."""
    now = clock.now()
    until, here = statements.stored(lease.until(now)), statements.stored(now)
    with connection.cursor() as cursor:
        return _each(
            cursor,
            [
                (
                    statements.OF[item.kind].dispatch,
                    (text, until, here, item.id, item.fence, me),
                )
                for item, text in items
            ],
        )


def settle(item: Outbound, outcome: Outcome, *, me: str) -> bool:
    """Write what became of a dispatched row; False when it is no longer this sender's."""
    return settle_all([(item, outcome)], me=me)[0]


@transaction.atomic
def settle_all(items: Sequence[tuple[Outbound, Outcome]], *, me: str) -> list[bool]:
    """Do `settle` for several lanes in one transaction, in their order."""
    now = clock.now()
    with connection.cursor() as cursor:
        steps = [_settlement(cursor, item, outcome, me, now) for item, outcome in items]
        done = _each(cursor, steps)
    for (item, _), was_mine in zip(items, done, strict=True):
        if not was_mine:
            log.warning("an outcome came too late", kind=item.kind, id=item.id)
    if blocked := [item for item, outcome in items if _withdraws(outcome)]:
        afterwards.unwanted(blocked)
    return done


@transaction.atomic
def give_back(items: Iterable[Outbound], *, me: str) -> None:
    """Let claimed rows be claimed anew; nothing of them has left."""
    with connection.cursor() as cursor:
        for item in items:
            cursor.execute(statements.OF[item.kind].give_back, (item.id, item.fence, me))


@transaction.atomic
def pause_all(reason: str) -> int:
    """Pause every running campaign; acts between two sends. Returns how many."""
    running = Campaign.objects.filter(state=CampaignState.RUNNING)
    return running.update(state=CampaignState.PAUSED, reason=reason)


def prune_texts(*, before: datetime) -> int:
    """Keep only the hash of texts that were settled before; return how many."""
    old = Delivery.objects.filter(settled_at__lt=before).exclude(text="")
    pruned = 0
    while rows := list(old.only("id", "text").order_by("settled_at")[:_TEXTS_A_TURN]):
        for row in rows:
            row.text_hash = hashlib.sha256(row.text.encode()).hexdigest()
            row.text = ""
        Delivery.objects.bulk_update(rows, ["text", "text_hash"], batch_size=200)
        pruned += len(rows)
    return pruned


def _claim(
    me: str, accounts: Sequence[int], *, now: datetime, limit: int, lane: int
) -> list[Outbound]:
    if not any(_waiting(campaign, accounts, now) for campaign in _running()):
        return []  # looked up without the write lock: most turns find nothing
    with transaction.atomic(), connection.cursor() as cursor:
        if house.get().held_since is not None:
            return []
        rows = _pick(cursor, accounts, now=now, limit=limit, lane=lane)
        _skip(cursor, [row for row in rows if row.why_not], now)
        kept = [row for row in rows if not row.why_not]
        until = statements.stored(lease.until(now))
        taken = [(me, until, row.id, row.fence) for row in kept]
        cursor.executemany(statements.OF["delivery"].claim, taken)
        pace.debit(Counter(row.account_id for row in kept), now=now)
        return [_outbound(row) for row in kept]


def _running() -> list[int]:
    running = Campaign.objects.filter(state=CampaignState.RUNNING)
    return list(running.order_by("started_at", "pk").values_list("pk", flat=True))


def _waiting(campaign: int, accounts: Sequence[int], now: datetime) -> list[int]:
    if not accounts:
        return []
    marks = ", ".join(["%s"] * len(accounts))
    with connection.cursor() as cursor:
        cursor.execute(
            statements.WAITING.format(accounts=marks),
            (*accounts, campaign, statements.stored(now)),
        )
        return sorted(pk for (pk,) in cursor.fetchall())


class _Picked(NamedTuple):
    id: int
    fence: int
    account_id: int
    address: str
    text: str
    why_not: str | None


def _pick(
    cursor: CursorWrapper, accounts: Sequence[int], *, now: datetime, limit: int, lane: int
) -> list[_Picked]:
    """Return what may be due, of the campaign that started first, first."""
    statement, here = statements.PICK + _skip_locked(), statements.stored(now)
    free = pace.allow(accounts, now=now, most=lane)
    found: list[_Picked] = []
    for campaign in _running():
        for account, may in free.turns(_waiting(campaign, free.accounts, now)):
            if (most := min(may, limit - len(found))) > 0:
                cursor.execute(statement, (campaign, account, here, most))
                rows = cursor.fetchall()
                found += [_Picked._make(row) for row in rows]
                free.spend(account, len(rows))
    return found


def _skip(cursor: CursorWrapper, rows: Sequence[_Picked], now: datetime) -> None:
    here = statements.stored(now)
    cursor.executemany(
        statements.OF["delivery"].skip,
        [(row.why_not, here, row.id, row.fence) for row in rows],
    )


def _outbound(row: _Picked) -> Outbound:
    return Outbound(
        kind="delivery",
        id=row.id,
        fence=row.fence + 1,
        account_id=row.account_id,
        peer=Peer(id=row.address),
        key=ids.stable_key("delivery", row.id),
        text=row.text or None,
    )


def _settlement(
    cursor: CursorWrapper, item: Outbound, outcome: Outcome, me: str, now: datetime
) -> _Step:
    steps = statements.OF[item.kind]
    if isinstance(outcome, Skipped):
        return steps.skip, (
            outcome.reason[:300],
            statements.stored(now),
            item.id,
            item.fence,
        )
    if isinstance(outcome, Later):
        outcome = _or_give_up(cursor, steps, item, outcome)
    mine = (item.id, item.fence, me)
    if isinstance(outcome, Later):
        return steps.later, (
            outcome.reason[:300],
            statements.stored(outcome.retry_at),
            *mine,
        )
    return steps.settle, (*_ending(outcome), statements.stored(now), *mine)


def _withdraws(outcome: Outcome) -> bool:
    return isinstance(outcome, Rejected) and outcome.withdraws


def _ending(outcome: Accepted | Rejected | Unknown) -> tuple[str, str, str]:
    """Return the state, the reason and the platform's id."""
    match outcome:
        case Accepted(message_id, pending):
            return "accepted", pending[:300], message_id
        case Rejected(reason):
            return "rejected", reason[:300], ""
        case Unknown(reason):
            return "unknown", reason[:300], ""


def _or_give_up(
    cursor: CursorWrapper, steps: statements.Steps, item: Outbound, later: Later
) -> Later | Rejected:
    """Put the next try off by the number of tries, or end after the last one."""
    cursor.execute(steps.attempts, (item.id,))
    attempts = int(cursor.fetchone()[0])
    if attempts >= MOST_ATTEMPTS:
        return Rejected(f"gave up after {attempts} attempts: {later.reason}")
    wait = min(timedelta(seconds=2**attempts), LONGEST_WAIT)
    return Later(later.reason, max(later.retry_at, clock.now() + wait))


def _each(cursor: CursorWrapper, steps: Sequence[_Step]) -> list[bool]:
    """Take each step and say which found its row as it must be.

    Steps alike are sent together, 2 x as fast; a step that fails is rare, and only then
    are they undone and taken one by one.
    """
    done: list[bool] = []
    for statement, alike in groupby(steps, key=itemgetter(0)):
        given = [values for _, values in alike]
        with transaction.atomic():
            cursor.executemany(statement, given)
            if cursor.rowcount == len(given):
                done += [True] * len(given)
                continue
            transaction.set_rollback(True)
        done += [_did(cursor, statement, values) for values in given]
    return done


def _did(cursor: CursorWrapper, statement: str, given: tuple[Any, ...]) -> bool:
    cursor.execute(statement, given)
    return bool(cursor.rowcount)


def _skip_locked() -> str:
    can = connection.features.has_select_for_update_skip_locked
    return " for update of d skip locked" if can else ""
