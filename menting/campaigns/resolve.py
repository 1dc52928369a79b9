"""What nobody knows: asked of the platform again by its key, or decided by an operator."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection, transaction
from django.utils.translation import gettext

from menting.accounts import pace
from menting.base import clock, ids, lease
from menting.campaigns import postings, statements
from menting.campaigns.errors import HeldError, StateError
from menting.campaigns.models import Campaign, CampaignState, Delivery, Posting
from menting.channels.base import Peer
from menting.people import consent
from menting.people.outbound import Outbound
from menting.people.sendable import SendState
from menting.users import audit, guard, house
from menting.users.guard import Actor

Row = Delivery | Posting

LONGEST_WAIT = timedelta(minutes=5)
_LOOKED_AT = 100


class Answer(StrEnum):
    """What an operator decides of an unknown outcome."""

    RECEIVED = "received"  # assume that it arrived
    AGAIN = "again"  # send again: it may arrive twice


@transaction.atomic
def resolve(actor: Actor, delivery_id: int, *, answer: Answer) -> Delivery:
    """Decide an unknown delivery. Raises StateError for any other, HeldError when held."""
    guard.check(actor, "campaigns.resolve")
    row = Delivery.objects.select_for_update().get(pk=delivery_id)
    if row.state != SendState.UNKNOWN:
        raise StateError(
            gettext("The outcome of delivery %(id)d is known: “%(state)s”.")
            % {"id": delivery_id, "state": row.get_state_display()}
        )
    if answer is Answer.RECEIVED:
        row.state, row.reason = SendState.ACCEPTED, "assumed received by an operator"
        risk = "may not have arrived"
    else:
        _reopen(row.campaign)
        row.state, row.reason = SendState.READY, "sent again by an operator"
        row.due = clock.now()
        risk = "may arrive twice"
    row.save(update_fields=["state", "reason", "due"])
    audit.record(
        actor,
        "campaign.resolve",
        target=f"delivery:{delivery_id}",
        detail={"answer": answer.value, "risk": risk, "campaign": row.campaign_id},
    )
    return row


def ask_again(
    rows: type[Delivery] | type[Posting],
    me: str,
    accounts: Sequence[int],
    *,
    since: datetime,
    now: datetime,
    limit: int,
) -> list[Outbound]:
    """Take unknown rows whose platform knows the key, to ask again with the same text.

    The platform of these `accounts` knows those first asked after `since`. Whoever has
    opted out meanwhile is not asked for: the first try may never have arrived. The rows
    come back in `dispatching`, with their text.
    """
    found = _unknown(rows, accounts, now=now, since=since) if _any(rows, since) else []
    if not found or house.get().held_since is not None:
        return []
    with transaction.atomic():
        free = pace.allow(sorted(accounts), now=now, most=limit)
        agreed = [row for row in found if _is_agreed(row)]
        may = [row for row in agreed if free.take_one(row.account_id)]
        taken = [row for row in may if _take(row, me, now)]
        pace.debit(Counter(row.account_id for row in taken), now=now)
    return [_outbound(row) for row in taken[:limit]]


def _reopen(campaign: Campaign) -> None:
    if house.get().held_since is not None:
        raise HeldError(
            gettext("Nothing is sent before the owner says go on after the restore.")
        )
    if campaign.state == CampaignState.DONE:
        campaign.state, campaign.ended_at = CampaignState.RUNNING, None
        campaign.save(update_fields=["state", "ended_at"])


def _any(rows: type[Delivery] | type[Posting], since: datetime) -> bool:
    """Say whether there is any at all: to ask by thousands of accounts takes 15 ms."""
    with connection.cursor() as cursor:
        of = "posting" if rows is Posting else "delivery"
        cursor.execute(statements.OF[of].any_unknown, (statements.stored(since),))
        return cursor.fetchone() is not None


def _unknown(
    rows: type[Delivery] | type[Posting],
    accounts: Sequence[int],
    *,
    now: datetime,
    since: datetime,
) -> list[Row]:
    """Return rows that may be asked for now; each further try waits twice as long."""
    there = rows.objects.filter(
        account__in=accounts,
        state=SendState.UNKNOWN,
        dispatched_at__gt=since,
        campaign__state__in=(CampaignState.RUNNING, CampaignState.DONE),
    ).exclude(text="")
    return [row for row in there.order_by("pk")[:_LOOKED_AT] if _is_due(row, now)]


def _is_due(row: Row, now: datetime) -> bool:
    wait = min(timedelta(seconds=2**row.attempts), LONGEST_WAIT)
    return row.settled_at is None or row.settled_at + wait <= now


def _is_agreed(row: Row) -> bool:
    if isinstance(row, Posting):
        return True
    now = consent.in_force(row.contact_id, row.account_id, row.campaign.purpose)
    return now is not None and now.pk == row.consent_id


def _take(row: Row, me: str, now: datetime) -> bool:
    until = statements.stored(lease.until(now))
    with connection.cursor() as cursor:
        cursor.execute(statements.OF[_kind(row)].ask_again, (me, until, row.pk, row.fence))
        return bool(cursor.rowcount)


def _outbound(row: Row) -> Outbound:
    if isinstance(row, Posting):
        return postings.outbound(row, fence=row.fence + 1, text=row.text)
    return Outbound(
        kind="delivery",
        id=row.pk,
        fence=row.fence + 1,
        account_id=row.account_id,
        peer=Peer(id=row.conversation.external_id),
        key=ids.stable_key("delivery", row.pk),
        text=row.text,
    )


def _kind(row: Row) -> str:
    return "posting" if isinstance(row, Posting) else "delivery"
