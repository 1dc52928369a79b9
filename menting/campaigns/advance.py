"""What a running campaign does by itself: rows become ready, and at the end it is done."""

from datetime import datetime

import structlog
from django.db import connection, transaction

from menting.campaigns import statements
from menting.campaigns.models import Campaign, CampaignState, Delivery, Posting
from menting.people.sendable import SendState

log = structlog.get_logger(__name__)

#: Rows a transaction: the write lock is held well below half a second.
CHUNK = 5_000
#: What is not settled yet. `unknown` is: only a person or the platform can say more.
OPEN = (SendState.PLANNED, SendState.READY, SendState.CLAIMED, SendState.DISPATCHING)


def make_ready() -> int:
    """Let the next rows of each running campaign be claimed; return how many."""
    return sum(_make_ready(campaign) for campaign in _running())


def finish(*, now: datetime) -> int:
    """End each running campaign of which nothing is open; return how many."""
    return sum(_finish(campaign, now) for campaign in _running() if not is_open(campaign))


def is_open(campaign: Campaign) -> bool:
    """Say whether anything of a campaign is still to be sent or being sent."""
    return any(
        rows.objects.filter(
            campaign=campaign, occurrence=campaign.occurrence, state=state
        ).exists()
        for rows in (Delivery, Posting)
        for state in OPEN
    )


def _running() -> list[Campaign]:
    return list(Campaign.objects.filter(state=CampaignState.RUNNING).order_by("pk"))


def _make_ready(campaign: Campaign) -> int:
    made = 0
    for rows in (Delivery, Posting):
        planned = rows.objects.filter(
            campaign=campaign, occurrence=campaign.occurrence, state=SendState.PLANNED
        )
        if planned.exists():
            made += _release(rows._meta.db_table, campaign)
    return made


@transaction.atomic
def _release(table: str, campaign: Campaign) -> int:
    if not _holds(campaign):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            statements.MAKE_READY.format(table=table),
            (campaign.pk, campaign.occurrence, CHUNK),
        )
        return int(cursor.rowcount)


@transaction.atomic
def _finish(campaign: Campaign, now: datetime) -> int:
    # Asked again under the lock: an operator may have paused it, or wanted one sent again.
    if is_open(campaign) or not _holds(campaign):
        return 0
    campaign.state, campaign.ended_at = CampaignState.DONE, now
    campaign.save(update_fields=["state", "ended_at"])
    log.info("a campaign is done", campaign=campaign.pk)
    return 1


def _holds(campaign: Campaign) -> bool:
    running = Campaign.objects.select_for_update().filter(
        pk=campaign.pk, state=CampaignState.RUNNING
    )
    return running.exists()
