"""What nobody knows: asked of the platform again by its key, or decided by an operator."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection, transaction

from menting.base import clock, ids, lease
from menting.campaigns import pace, postings, statements
from menting.campaigns.errors import HeldError, StateError
from menting.campaigns.models import Campaign, CampaignState, Delivery, Posting
from menting.channels.base import Peer
from menting.people.models import SendState
from menting.people.outbound import Outbound
from menting.users import audit, guard, house
from menting.users.guard import Actor

#: Synapse remembers a transaction id for 24 h; an hour is left for clocks and waiting.
KEY_REMEMBERED = timedelta(hours=23)


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
        raise StateError(f"delivery {delivery_id} is {row.state}: its outcome is known")
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
    me: str, accounts: Sequence[int], *, now: datetime, limit: int
) -> list[Outbound]:
    """Take unknown rows whose platform knows the key, to ask again with the same text.

    `accounts` are those on an idempotent channel, still on the device that asked first.
    Whoever has opted out since is not asked for: the first try may never have arrived.
    """
    if not accounts or not _any_unknown(accounts):
        return []
    got: list[Outbound] = []
    with transaction.atomic():
        if house.get().held_since is not None:
            return []
        for account, free in pace.allowances(sorted(accounts), now=now, most=limit).items():
            most = min(free, limit - len(got))
            taken = _deliveries(me, account, now, most) + _postings(me, account, now, most)
            pace.debit({account: len(taken)}, now=now)
            got += taken
    return got


def _reopen(campaign: Campaign) -> None:
    if house.get().held_since is not None:
        raise HeldError("nothing is sent before the owner says go on after the restore")
    if campaign.state == CampaignState.DONE:
        campaign.state, campaign.ended_at = CampaignState.RUNNING, None
        campaign.save(update_fields=["state", "ended_at"])


def _any_unknown(accounts: Sequence[int]) -> bool:
    return any(
        rows.objects.filter(account__in=accounts, state=SendState.UNKNOWN).exists()
        for rows in (Delivery, Posting)
    )


def _deliveries(me: str, account: int, now: datetime, most: int) -> list[Outbound]:
    with connection.cursor() as cursor:
        cursor.execute(statements.PICK_UNKNOWN, (account, _since(now), most))
        rows = [row for row in cursor.fetchall() if row[4] is None]
    return [
        Outbound(
            kind="delivery",
            id=pk,
            fence=fence + 1,
            account_id=account,
            peer=Peer(id=address),
            key=ids.stable_key("delivery", pk),
            text=text,
        )
        for pk, fence, address, text, _ in rows
        if _take("delivery", me, now, (pk, fence))
    ]


def _postings(me: str, account: int, now: datetime, most: int) -> list[Outbound]:
    with connection.cursor() as cursor:
        cursor.execute(statements.PICK_UNKNOWN_POSTING, (account, _since(now), most))
        found = {pk: (fence, text) for pk, fence, text in cursor.fetchall()}
    rows = Posting.objects.filter(pk__in=found).select_related("account").order_by("pk")
    return [
        postings.outbound(row, fence=found[row.pk][0] + 1, text=found[row.pk][1])
        for row in rows
        if _take("posting", me, now, (row.pk, found[row.pk][0]))
    ]


def _take(kind: str, me: str, now: datetime, row: tuple[int, int]) -> bool:
    until = connection.ops.adapt_datetimefield_value(lease.until(now))
    with connection.cursor() as cursor:
        cursor.execute(statements.OF[kind].ask_again, (me, until, *row))
        return bool(cursor.rowcount)


def _since(now: datetime) -> object:
    return connection.ops.adapt_datetimefield_value(now - KEY_REMEMBERED)
