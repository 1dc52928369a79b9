"""What spaces keep of a contact: what they wrote into guestbooks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from menting.people.registry import Moment, Part
from menting.spaces import space
from menting.spaces.models import GuestbookEntry


def erase(contact_id: int) -> None:
    """Remove a contact's entries within the caller's transaction, shown or not."""
    for space_id in _entries(contact_id).values_list("space", flat=True).distinct():
        space.changed(space_id)
    _entries(contact_id).delete()


def export(contact_id: int) -> dict[str, Any]:
    """Return a contact's entries, with what became of each and why."""
    rows = _entries(contact_id).select_related("space").order_by("pk")
    return {
        "guestbook_entries": [
            {
                "id": row.pk,
                "space": row.space.slug,
                "name": row.name,
                "text": row.text,
                "state": row.state,
                "reason": row.reason,
                "at": row.at,
            }
            for row in rows
        ]
    }


def timeline(contact_id: int, before: datetime, limit: int) -> Iterable[Moment]:
    """Return a contact's latest entries before a time."""
    rows = _entries(contact_id).filter(at__lt=before).order_by("-at", "-pk")[:limit]
    return [
        Moment(at=row.at, kind="entry", id=row.pk, text=row.text, state=row.state)
        for row in rows
    ]


def _entries(contact_id: int) -> QuerySet[GuestbookEntry]:
    return GuestbookEntry.objects.filter(contact=contact_id)


PART = Part(
    name="spaces",
    models=(GuestbookEntry,),
    erase=erase,
    export=export,
    timeline=timeline,
)
