"""Postings: on walls by the road of deliveries, in guestbooks without a network between."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, models, transaction

from menting.accounts import pace
from menting.base import ids, lease
from menting.campaigns import statements
from menting.campaigns.models import CampaignState, Posting
from menting.channels.base import Peer
from menting.people.outbound import Outbound
from menting.people.sendable import SendState
from menting.spaces import guestbook
from menting.users import house


def claim(me: str, accounts: Sequence[int], *, now: datetime, limit: int) -> list[Outbound]:
    """Lease what is to be posted on the accounts' own walls now, their pace debited."""
    walls = _ready(now).filter(invitation=None)
    # Asked before of whom they are: to name thousands of accounts takes 8 ms.
    if limit <= 0 or not walls.exists():
        return []
    walls = walls.filter(account__in=accounts)
    with transaction.atomic():
        if house.get().held_since is not None:
            return []
        free = pace.allow(accounts, now=now, most=limit)
        rows = walls.select_for_update(of=("self",), skip_locked=True).order_by("pk")
        return [
            _claim(row, me, now)
            for row in rows.select_related("account")[:limit]
            if free.take_one(row.account_id)
        ]


def sign_guestbooks(*, now: datetime, limit: int = 20) -> int:
    """Sign the guestbooks that invited us; entry and outcome are one transaction each.

    The guestbook is our own, so that nothing can be unknown. Returns how many were settled.
    """
    entries = _ready(now).filter(invitation__isnull=False)
    due = list(entries.order_by("pk").values_list("pk", flat=True)[:limit])
    for pk in due:
        _sign(pk, now)
    return len(due)


def outbound(row: Posting, *, fence: int, text: str) -> Outbound:
    """Return a posting on a wall as a sender sees it."""
    wall = str(row.account.options.get("wall", ""))
    return Outbound(
        kind="posting",
        id=row.pk,
        fence=fence,
        account_id=row.account_id,
        peer=Peer(id=wall, kind="wall"),
        key=ids.stable_key("posting", row.pk),
        text=text,
    )


def _ready(now: datetime) -> models.QuerySet[Posting]:
    return Posting.objects.filter(
        state=SendState.READY,
        due__lte=now,
        campaign__state=CampaignState.RUNNING,
        account__removed_at=None,
    )


def _claim(row: Posting, me: str, now: datetime) -> Outbound:
    until = statements.stored(lease.until(now))
    with connection.cursor() as cursor:
        cursor.execute(statements.OF["posting"].claim, (me, until, row.pk, row.fence))
    pace.debit({row.account_id: 1}, now=now)
    return outbound(row, fence=row.fence + 1, text=row.text)


@transaction.atomic
def _sign(pk: int, now: datetime) -> None:
    row = _ready(now).filter(pk=pk).select_for_update(of=("self",)).first()
    if row is None or row.invitation_id is None or house.get().held_since is not None:
        return
    row.state, row.settled_at = SendState.ACCEPTED, now
    try:
        entry = guestbook.sign_invited(
            invitation_id=row.invitation_id, account_id=row.account_id, text=row.text
        )
        row.provider_id = str(entry.pk)
    except (guestbook.NotInvitedError, guestbook.BadEntryError) as error:
        row.state, row.reason = SendState.REJECTED, str(error)[:300]
    row.save(update_fields=["state", "settled_at", "provider_id", "reason"])
