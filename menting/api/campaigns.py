"""Campaigns by the API: what goes out, and what became of each delivery."""

from datetime import datetime
from typing import Any

from ninja import P, QueryEx

from menting.api import paging
from menting.api.call import ApiRequest
from menting.api.noun import LIMIT, Cursor, Id, Limit, Noun, Shape
from menting.campaigns import report
from menting.campaigns.models import CampaignState
from menting.people.sendable import SendState

SCOPE = "campaigns:read"

noun = Noun(tags=["campaigns"])


class CampaignStatus(Shape):
    """How far a campaign is; `planned` counts every recipient."""

    id: int
    state: CampaignState
    planned: int
    ready: int
    claimed: int
    dispatching: int
    accepted: int
    rejected: int
    unknown: int
    skipped: int
    #: Reason to number of people.
    left_out: dict[str, int]


class Campaign(CampaignStatus):
    """A campaign in the list: its status, and its name."""

    name: str


class CampaignPage(Shape):
    """Some campaigns, and where the next ones are."""

    items: list[Campaign]
    next: str | None


class RecipientName(Shape):
    """To whom."""

    id: int
    name: str


class SenderHandle(Shape):
    """By which account."""

    id: int
    handle: str


class Delivery(Shape):
    """One recipient of one campaign."""

    id: int
    contact: RecipientName
    account: SenderHandle
    consent: int
    language: str
    state: SendState
    reason: str
    attempts: int
    provider_id: str
    dispatched_at: datetime | None
    settled_at: datetime | None


class DeliveryPage(Shape):
    """Some deliveries, and where the next ones are."""

    items: list[Delivery]
    next: str | None


@noun.reads("/campaigns", scope=SCOPE, answer=CampaignPage)
def list_campaigns(
    request: ApiRequest, limit: Limit = LIMIT, cursor: Cursor = None
) -> dict[str, Any]:
    """List campaigns with their figures, the newest first."""
    place = paging.place(request, cursor)
    page = report.campaigns(before=int(place) if place else None, limit=limit)
    return {"items": page.items, "next": paging.cursor(request, page.following)}


@noun.reads("/campaigns/{campaign_id}", scope=SCOPE, answer=CampaignStatus)
def get_campaign(request: ApiRequest, campaign_id: Id) -> dict[str, Any]:
    """Say how far a campaign is."""
    return report.status(campaign_id)


@noun.reads("/campaigns/{campaign_id}/deliveries", scope=SCOPE, answer=DeliveryPage)
def list_deliveries(
    request: ApiRequest,
    campaign_id: Id,
    state: QueryEx[SendState | None, P(description="Only those in it.")] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List each recipient with what became of the message."""
    report.status(campaign_id)  # an unknown campaign is a 404, not an empty list
    place = paging.place(request, cursor)
    page = report.deliveries(
        campaign_id, state=state or "", after=int(place) if place else 0, limit=limit
    )
    return {"items": page.items, "next": paging.cursor(request, page.following)}
