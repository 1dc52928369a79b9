"""Visits as `menting visit` prints them: names from the state, the rest from the store."""

from typing import Any
from zoneinfo import ZoneInfo

from menting.base import clock
from menting.cli import out
from menting.visits import read
from menting.visits.store.base import Face


def items(page: read.Page, *, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the log's lines in the shape that scripts rely on (DESIGN section 7)."""
    from menting.spaces import visitors
    from menting.spaces.models import Space

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


def faces(found: list[Face], *, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the named visitors who came most; those who withdrew are left out."""
    from menting.spaces import visitors

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


def show(lines: list[dict[str, Any]], *, following: str | None) -> None:
    """Print the log's lines for a person."""
    out.table(
        ("at", "space", "path", "visitor", "from", "country", "browser"),
        [
            (
                f"{item['at']:%Y-%m-%d %H:%M:%S}",
                item["space"],
                item["path"],
                item["visitor"]["name"] if item["visitor"] else item["anonymous_id"],
                item["referrer"],
                item["country"],
                item["browser"],
            )
            for item in lines
        ],
    )
    if following:
        out.notes.print(f"More with --cursor {following}")


def _visitor(who: int, names: dict[int, str]) -> dict[str, str] | None:
    """Return a named visitor; the number as text, for JSON numbers end at 2^53."""
    return {"id": str(who), "name": names[who]} if who in names else None
