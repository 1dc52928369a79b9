"""What is learned of a message after it went out: it arrived, bounced, or was unwanted."""

from collections.abc import Sequence

from menting.base import clock
from menting.campaigns.models import Delivery, Posting
from menting.channels.base import Event, EventType
from menting.people import departures, tidy
from menting.people.outbound import Outbound
from menting.people.sendable import SendState


def heard(account_id: int, event: Event) -> None:
    """Write what the platform says later of a row that it had taken."""
    if not event.about:
        return
    for rows in (Delivery.objects, Posting.objects):
        taken = rows.filter(
            account=account_id, provider_id=event.about, state=SendState.ACCEPTED
        )
        if event.type is EventType.ARRIVED:
            taken.update(reason="")
        else:
            taken.update(state=SendState.REJECTED, reason=tidy.name(event.text))


def unwanted(items: Sequence[Outbound]) -> None:
    """Enter a withdrawal of each person whose platform refused the message for it."""
    keys = {item.id: item.key for item in items if item.kind == "delivery"}
    rows = Delivery.objects.filter(pk__in=keys).select_related("conversation__identity")
    for row in rows:
        departures.refuse(row.conversation, key=keys[row.pk], at=clock.now())
