"""Visits as scripts get them: names from the state, the rest from the visit store."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from menting.base import clock
from menting.spaces import visitors
from menting.spaces.models import Space
from menting.users import house
from menting.visits import read
from menting.visits.grain import Point
from menting.visits.store.base import ALL_SPACES, Face, Value


class NoSuchSpaceError(Exception):
    """There is no space with this slug."""


@dataclass(frozen=True, slots=True)
class Place:
    """A space, or all of them together, with the zone of its days."""

    number: int
    slug: str
    zone: ZoneInfo


def place(slug: str) -> Place:
    """Return the space of this slug, or without one all. Raises NoSuchSpaceError."""
    if not slug:
        return Place(ALL_SPACES, "", house.zone())
    found = Space.objects.filter(slug=slug).first()
    if found is None:
        raise NoSuchSpaceError(f"there is no space {slug!r}")
    return Place(found.pk, slug, ZoneInfo(found.time_zone))


def items(page: read.Page, *, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the log's lines in the shape that scripts rely on (DESIGN section 7)."""
    names = visitors.names(seen.who for seen in page.items if seen.who)
    slugs = dict(Space.objects.values_list("pk", "slug"))
    return [
        {
            "at": seen.at.astimezone(zone),
            "space": slugs.get(seen.space, str(seen.space)),
            "path": seen.path,
            "visitor": _visitor(seen.who, names),
            "anonymous_id": seen.anonymous_id,
            "referrer": seen.referrer,
            "country": seen.country,
            "device": seen.device,
            "browser": seen.browser,
            "source": seen.source,
            "precision": seen.precision,
        }
        for seen in page.items
    ]


def points(found: list[Point]) -> list[dict[str, Any]]:
    """Return the units of a series."""
    return [
        {
            "id": point.start.isoformat(),
            "start": point.start,
            "visits": point.n,
            "named": point.named,
            "daily_visitors": point.daily_visitors,
        }
        for point in found
    ]


def values(found: list[Value]) -> list[dict[str, Any]]:
    """Return the most frequent values of a dimension."""
    return [{"id": each.value, "value": each.value, "visits": each.n} for each in found]


def faces(found: list[Face], *, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the named visitors who came most; those who withdrew are left out."""
    names = visitors.names(face.who for face in found)
    return [
        {
            "id": str(face.who),
            "value": names[face.who],
            "visits": face.n,
            "first": clock.from_millis(face.first).astimezone(zone),
            "last": clock.from_millis(face.last).astimezone(zone),
        }
        for face in found
        if face.who in names
    ]


def _visitor(who: int, names: dict[int, str]) -> dict[str, str] | None:
    """Return a named visitor; the number as text, for JSON numbers end at 2^53."""
    return {"id": str(who), "name": names[who]} if who in names else None
