"""Visits by the API: the log, the counts by time, and what is most frequent."""

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from ninja import P, QueryEx

from menting.api import paging
from menting.api.call import ApiRequest
from menting.api.noun import LIMIT, MOST_ID, Cursor, Limit, Noun, Shape
from menting.base import config
from menting.base.folder import Folder
from menting.spaces import seen
from menting.spaces.seen import Place
from menting.visits import read
from menting.visits.grain import Grain
from menting.visits.store.base import Dim
from menting.visits.store.reading import EmbeddedReader

SCOPE = "visits:read"
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9998, 12, 30)

Slug = QueryEx[
    str,
    P(
        pattern="^[a-z0-9-]{0,64}$",
        description="A space's slug; else all.",
        examples=["tree"],
    ),
]
From = QueryEx[date | None, P(alias="from", ge=FIRST_DAY, le=LAST_DAY)]
To = QueryEx[date | None, P(alias="to", ge=FIRST_DAY, le=LAST_DAY, description="Included.")]
Dimension = Literal["path", "referrer", "country", "device", "browser", "os", "visitor"]

noun = Noun(tags=["visits"])


class NamedVisitor(Shape):
    """A visitor who signed in and agreed; the number is text, for it passes 2^53."""

    id: str
    name: str


class Visit(Shape):
    """One visit to a space."""

    at: datetime
    space: str
    path: str
    visitor: NamedVisitor | None
    anonymous_id: str | None
    referrer: str
    country: str
    device: str
    browser: str
    source: str
    precision: Literal["exact", "second"]


class VisitPage(Shape):
    """Some visits, and where the next ones are."""

    items: list[Visit]
    next: str | None


class VisitCount(Shape):
    """One unit of a series; `daily_visitors` counts who comes on two days twice."""

    id: str
    start: datetime
    visits: int
    named: int
    daily_visitors: int


class VisitSeries(Shape):
    """The units that have visits, in order."""

    items: list[VisitCount]
    next: str | None


class FrequentValue(Shape):
    """A value with its visits."""

    id: str
    value: str
    visits: int


class FrequentVisitor(FrequentValue):
    """A visitor with their visits, the first and the last one."""

    first: datetime
    last: datetime


class FrequentValues(Shape):
    """The most frequent values."""

    items: list[FrequentVisitor | FrequentValue]
    next: str | None


@noun.reads("/visits", scope=SCOPE, answer=VisitPage)
def list_visits(  # noqa: PLR0913, PLR0917  # each is a parameter of the call
    request: ApiRequest,
    space: Slug = "",
    since: From = None,
    until: To = None,
    visitor: QueryEx[int | None, P(ge=1, le=MOST_ID)] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List visits, newest first, of one space or of all."""
    place = seen.place(space)
    page = read.log(
        _store(),
        space=place.number,
        since=_midnight(since, place),
        until=_midnight(until, place, days=1),
        who=visitor,
        limit=limit,
        cursor=paging.place(request, cursor),
    )
    return {
        "items": seen.items(page, zone=place.zone),
        "next": paging.cursor(request, page.next),
    }


@noun.reads("/visits/series", scope=SCOPE, answer=VisitSeries)
def get_visit_series(
    request: ApiRequest,
    space: Slug = "",
    grain: Grain = Grain.DAY,
    since: From = None,
    until: To = None,
) -> dict[str, Any]:
    """Count visits by hour, day, month or year; units without any are left out."""
    place = seen.place(space)
    points = read.series(
        _store(), space=place.number, zone=place.zone, grain=grain, since=since, until=until
    )
    return {"items": seen.points(points), "next": None}


@noun.reads("/visits/top/{dimension}", scope=SCOPE, answer=FrequentValues)
def get_top_visits(
    request: ApiRequest,
    dimension: Dimension,
    space: Slug = "",
    year: QueryEx[int | None, P(ge=1970, le=9998)] = None,
    limit: Limit = 20,
) -> dict[str, Any]:
    """Return the most frequent paths, referrers, countries, … or visitors."""
    place, store = seen.place(space), _store()
    if dimension == "visitor":
        faces = read.faces(store, space=place.number, limit=limit)
        items = seen.faces(faces, zone=place.zone)
    else:
        dim = Dim[dimension.upper()]
        items = seen.values(
            read.top(store, space=place.number, dim=dim, year=year, limit=limit)
        )
    return {"items": items, "next": None}


def _store() -> EmbeddedReader:
    return read.store(Folder(config.current().data).visits)


def _midnight(day: date | None, place: Place, *, days: int = 0) -> datetime | None:
    """Return the start of a day where the space is, or of one some days later."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time.min, tzinfo=place.zone)
