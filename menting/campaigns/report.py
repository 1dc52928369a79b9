"""How far a campaign is, in figures and row by row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F

from menting.campaigns.models import Campaign, Delivery
from menting.people.sendable import SendState

#: The states that are told one by one; `planned` is told as the number of all recipients.
_TOLD = (
    SendState.READY,
    SendState.CLAIMED,
    SendState.DISPATCHING,
    SendState.ACCEPTED,
    SendState.REJECTED,
    SendState.UNKNOWN,
    SendState.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and where the next part begins; None at the end."""

    items: list[dict[str, Any]]
    following: int | None


def status(campaign_id: int) -> dict[str, Any]:
    """Return the figures of a campaign; `planned` counts every recipient.

    The keys are those of DESIGN section 7. Raises Campaign.DoesNotExist.
    """
    campaign = Campaign.objects.get(pk=campaign_id)
    return _told(campaign, _counts([campaign]).get(campaign.pk, {}))


def campaigns(*, before: int | None = None, limit: int = 50) -> Page:
    """Return campaigns with name and figures, the newest first, from below `before`."""
    rows = Campaign.objects.order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: limit + 1])
    following = found[limit - 1].pk if len(found) > limit else None
    counts = _counts(found[:limit])
    lines = [
        {**_told(campaign, counts.get(campaign.pk, {})), "name": campaign.name}
        for campaign in found[:limit]
    ]
    return Page(lines, following)


def deliveries(
    campaign_id: int, *, state: str = "", after: int = 0, limit: int = 100
) -> Page:
    """Return recipients of a campaign by id from `after` on, of all or of one state."""
    rows = Delivery.objects.filter(campaign=campaign_id, pk__gt=after)
    if state:
        rows = rows.filter(state=state)
    found = list(rows.select_related("account", "contact").order_by("pk")[: limit + 1])
    following = found[limit - 1].pk if len(found) > limit else None
    return Page(list(_lines(found[:limit])), following)


def _counts(campaigns: list[Campaign]) -> dict[int, dict[str, int]]:
    """Return by campaign and state how many recipients its latest occurrence has."""
    rows = Delivery.objects.filter(
        campaign__in=campaigns, occurrence=F("campaign__occurrence")
    )
    counted: dict[int, dict[str, int]] = {}
    by_state = rows.order_by().values_list("campaign", "state").annotate(n=Count("pk"))
    for campaign, state, n in by_state:
        counted.setdefault(campaign, {})[state] = n
    return counted


def _told(campaign: Campaign, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": campaign.pk,
        "state": campaign.state,
        "planned": sum(counts.values()),
        **{state.value: counts.get(state, 0) for state in _TOLD},
        "left_out": campaign.left_out,
    }


def _lines(rows: list[Delivery]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            "id": row.pk,
            "contact": {"id": row.contact_id, "name": row.contact.name},
            "account": {"id": row.account_id, "handle": row.account.handle},
            "consent": row.consent_id,
            "language": row.language,
            "state": row.state,
            "reason": row.reason,
            "attempts": row.attempts,
            "provider_id": row.provider_id,
            "dispatched_at": row.dispatched_at,
            "settled_at": row.settled_at,
        }
