"""What campaigns keep of a person: how it is erased, exported and told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from menting.base import clock
from menting.campaigns import afterwards
from menting.campaigns.advance import OPEN
from menting.campaigns.models import Delivery
from menting.people.registry import Moment, Part
from menting.people.sendable import SendState


def erase(contact_id: int) -> None:
    """Let nothing more go out, and blank what was sent; the rows stay for the figures."""
    rows = Delivery.objects.filter(contact=contact_id)
    rows.filter(state__in=set(OPEN) - {SendState.DISPATCHING}).update(
        state=SendState.SKIPPED, settled_at=clock.now(), lease_by="", lease_until=None
    )
    rows.update(text="", text_hash="", reason="", provider_id="")


def export(contact_id: int) -> dict[str, Any]:
    """Return every campaign that was planned for the person, with what was sent."""
    rows = Delivery.objects.filter(contact=contact_id).select_related("campaign")
    return {
        "deliveries": [
            {
                "id": row.pk,
                "campaign": row.campaign.name,
                "account": row.account_id,
                "consent": row.consent_id,
                "state": row.state,
                "reason": row.reason,
                "text": row.text,
                "settled_at": row.settled_at,
            }
            for row in rows.order_by("pk")
        ]
    }


def timeline(contact_id: int, before: datetime, limit: int) -> Iterable[Moment]:
    """Yield the latest deliveries that were settled before a time."""
    rows = Delivery.objects.filter(contact=contact_id, settled_at__lt=before)
    for row in rows.select_related("campaign").order_by("-settled_at", "-pk")[:limit]:
        yield Moment(
            at=row.settled_at or before,
            kind="delivery",
            id=row.pk,
            text=row.text or row.campaign.name,
            state=row.state,
        )


PART = Part(
    name="campaigns",
    models=(Delivery,),
    erase=erase,
    export=export,
    timeline=timeline,
    outcome=afterwards.heard,
)
