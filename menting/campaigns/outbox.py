"""The outbox: at most one accepted send a row, whatever is killed when.

planned → ready → claimed → dispatching → accepted | rejected | unknown, or skipped by a
gate. `dispatching` is committed before the network is touched, so what a dead sender left
there may have gone out: it becomes `unknown`, never `ready`. What it left in `claimed` has
not. The network is no part of any transaction here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from menting.base import clock, ids, lease
from menting.campaigns import pace, postings, statements
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
    running = _running()
    waiting = {pk: _waiting(pk, accounts, now) for pk in running}
    if not any(waiting.values()):
        return postings.claim(me, accounts, now=now, limit=limit)
    got: list[Outbound] = []
    with transaction.atomic(), connection.cursor() as cursor:
        if house.get().held_since is not None:
            return []
        everybody = sorted({account for some in waiting.values() for account in some})
        free = pace.allowances(everybody, now=now, most=lane)
        for campaign in _running():
            for account in waiting.get(campaign, ()):
                most = min(free.get(account, 0), limit - len(got))
                if most > 0:
                    taken = _take(cursor, me, campaign, account, now=now, most=most)
                    free[account] -= len(taken)
                    got += taken
    return got + postings.claim(me, accounts, now=now, limit=limit - len(got))


@transaction.atomic
def dispatch(item: Outbound, text: str, *, me: str) -> bool:
    """Commit that `text` is about to leave; False: it must not any more.

    False when the claim was lost, the campaign was paused, or the person opted out since.
    """
    now = clock.now()
    given = (text, _stored(lease.until(now)), _stored(now), item.id, item.fence, me)
    with connection.cursor() as cursor:
        cursor.execute(statements.OF[item.kind].dispatch, given)
        return bool(cursor.rowcount)


@transaction.atomic
def settle(item: Outbound, outcome: Outcome, *, me: str) -> bool:
    """Write what became of a dispatched row; False when it is no longer this sender's."""
    with connection.cursor() as cursor:
        cursor.execute(*_settlement(cursor, item, outcome, me))
        if not cursor.rowcount:
            log.warning("an outcome came too late", kind=item.kind, id=item.id)
        return bool(cursor.rowcount)


@transaction.atomic
def give_back(items: Iterable[Outbound], *, me: str) -> None:
    """Let claimed rows be claimed anew; nothing of them has left."""
    with connection.cursor() as cursor:
        for item in items:
            cursor.execute(statements.OF[item.kind].give_back, (item.id, item.fence, me))


def recover(now: datetime) -> int:
    """Take rows from senders that are gone: claimed to ready, dispatching to unknown.

    Returns how many became unknown.
    """
    return sum(_recover(steps, now) for steps in statements.OF.values())


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


def _running() -> list[int]:
    running = Campaign.objects.filter(state=CampaignState.RUNNING)
    return list(running.order_by("started_at", "pk").values_list("pk", flat=True))


def _waiting(campaign: int, accounts: Sequence[int], now: datetime) -> list[int]:
    if not accounts:
        return []
    marks = ", ".join(["%s"] * len(accounts))
    with connection.cursor() as cursor:
        cursor.execute(
            statements.WAITING.format(accounts=marks), (*accounts, campaign, _stored(now))
        )
        return sorted(pk for (pk,) in cursor.fetchall())


def _take(
    cursor: CursorWrapper, me: str, campaign: int, account: int, *, now: datetime, most: int
) -> list[Outbound]:
    steps = statements.OF["delivery"]
    cursor.execute(
        statements.PICK + _skip_locked(), (campaign, account, _stored(now), most)
    )
    rows = cursor.fetchall()
    closed = [
        (reason, _stored(now), pk, fence) for pk, fence, _, _, reason in rows if reason
    ]
    cursor.executemany(steps.skip, closed)
    kept = [row for row in rows if not row[4]]
    until = _stored(lease.until(now))
    cursor.executemany(steps.claim, [(me, until, row[0], row[1]) for row in kept])
    if kept:
        pace.debit(account, spent=len(kept), now=now)
    return [_outbound(row, account) for row in kept]


def _outbound(row: tuple[int, int, str, str, str | None], account: int) -> Outbound:
    pk, fence, address, text, _ = row
    return Outbound(
        kind="delivery",
        id=pk,
        fence=fence + 1,
        account_id=account,
        peer=Peer(id=address),
        key=ids.stable_key("delivery", pk),
        text=text or None,
    )


def _settlement(
    cursor: CursorWrapper, item: Outbound, outcome: Outcome, me: str
) -> tuple[str, tuple[object, ...]]:
    steps, now = statements.OF[item.kind], clock.now()
    mine = (item.id, item.fence, me)
    match outcome:
        case Accepted(message_id):
            return steps.settle, ("accepted", "", message_id, _stored(now), *mine)
        case Rejected(reason):
            return steps.settle, ("rejected", reason[:300], "", _stored(now), *mine)
        case Unknown(reason):
            return steps.settle, ("unknown", reason[:300], "", _stored(now), *mine)
        case Skipped(reason):
            return steps.skip, (reason[:300], _stored(now), item.id, item.fence)
        case Later(reason, retry_at):
            cursor.execute(
                f"select attempts from {steps.table} where id = %s",  # noqa: S608  # a constant
                (item.id,),
            )
            attempts = int(cursor.fetchone()[0])
            if attempts >= MOST_ATTEMPTS:
                told = f"gave up after {attempts} attempts: {reason}"[:300]
                return steps.settle, ("rejected", told, "", _stored(now), *mine)
            due = max(retry_at, now + min(timedelta(seconds=2**attempts), LONGEST_WAIT))
            return steps.later, (reason[:300], _stored(due), *mine)


def _recover(steps: statements.Steps, now: datetime) -> int:
    dead = _dead_holders(steps)
    marks = "".join(" or lease_by = %s" for _ in dead)
    expired = f"(lease_until <= %s{marks})"
    which = (_stored(now), *dead)
    with connection.cursor() as cursor:
        cursor.execute(
            f"select 1 from {steps.table} where {expired} "  # noqa: S608  # constants only
            "and state in ('claimed', 'dispatching') limit 1",
            which,
        )
        if cursor.fetchone() is None:
            return 0
        with transaction.atomic():
            cursor.execute(steps.expire_claimed.format(expired=expired), which)
            told = "the program stopped while it was being sent"
            cursor.execute(
                steps.expire_dispatching.format(expired=expired),
                (told, _stored(now), *which),
            )
            return cursor.rowcount


def _dead_holders(steps: statements.Steps) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(steps.leased)
        return [holder for (holder,) in cursor.fetchall() if lease.is_gone(holder)]


def _skip_locked() -> str:
    can = connection.features.has_select_for_update_skip_locked
    return " for update of d skip locked" if can else ""


def _stored(at: datetime) -> object:
    return connection.ops.adapt_datetimefield_value(at)
