"""What is asked of visits: log, life, series, calendar, tops, totals, freshness."""

import functools
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from menting.base import clock
from menting.visits import daily, spool, visit
from menting.visits import grain as grains
from menting.visits.grain import Grain, Point
from menting.visits.store.base import ALL_SPACES, Dim, Face, Import, Reader, Row, Value
from menting.visits.store.reading import EmbeddedReader

LIVE = "live"
#: What the time of a visit may be taken for, by the format that it came in.
_PRECISION = dict.fromkeys(("accesslog", "common", "combined", "vhost"), "second")
_LATEST = 1 << 62


class BadCursorError(Exception):
    """The cursor was not made by this list: ask again without it."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One visit as it is shown."""

    #: Unique within all visits: space, millisecond and number.
    id: str
    at: datetime
    space: int
    path: str
    #: The visitor's number, 0 for a nameless one.
    who: int
    #: Of one space and day; None without any id.
    anonymous_id: str | None
    referrer: str
    country: str
    device: str
    browser: str
    os: str
    #: "live" or "import:NUMBER".
    source: str
    #: "exact" (milliseconds) or "second".
    precision: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first, and the cursor of what follows."""

    items: list[Seen]
    next: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """All visits of a space."""

    n: int
    named: int
    #: The sum of daily visitors: who comes on two days is counted twice.
    daily_visitors: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Visits by day, the years from the first to the last, newest first."""

    years: list[int]
    days: dict[date, int]
    #: The most visits of one day, for the scale of the colours.
    most: int


@functools.cache
def store(path: Path) -> EmbeddedReader:
    """Return this process's reader of the store at `path`, made once."""
    return EmbeddedReader(path)


def log(  # noqa: PLR0913  # filters of one list, all by name
    reader: Reader,
    *,
    space: int,
    since: datetime | None = None,
    until: datetime | None = None,
    who: int | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Return visits of a space (0: of all) with since <= at < until, newest first.

    Raises BadCursorError.
    """
    bounds = (
        clock.millis(since) if since else 0,
        clock.millis(until) if until else _LATEST,
    )
    before = _parse_cursor(cursor)
    spaces = reader.spaces() if space == ALL_SPACES else [space]
    rows = _newest(
        (_rows(reader, each, bounds, before, who, limit + 1) for each in spaces), limit + 1
    )
    more = rows[limit - 1] if len(rows) > limit else None
    formats = _formats(reader) if any(row.origin for row in rows) else {}
    return Page(
        items=[_seen(row, formats) for row in rows[:limit]],
        next=f"{more.at}.{more.space}.{more.n}" if more else None,
    )


def life(
    reader: Reader, *, space: int, who: int, limit: int = 50, cursor: str | None = None
) -> Page:
    """Return one visitor's visits to a space, newest first. Raises BadCursorError."""
    return log(reader, space=space, who=who, limit=limit, cursor=cursor)


def face(reader: Reader, *, space: int, who: int) -> Face | None:
    """Return how often, and from when to when, a visitor came."""
    return reader.face(space, who=who)


def faces(reader: Reader, *, space: int, limit: int = 20) -> list[Face]:
    """Return the named visitors who came most often."""
    return reader.faces(space, limit=limit)


def series(
    reader: Reader,
    *,
    space: int,
    zone: ZoneInfo,
    grain: Grain,
    since: date | None = None,
    until: date | None = None,
) -> list[Point]:
    """Return visits by hour, day, month or year; units without any are left out.

    `zone` is the space's (the house's for space 0). Raises grain.TooFineError.
    """
    return grains.series(
        reader, space=space, zone=zone, grain=grain, since=since, until=until
    )


def calendar(
    reader: Reader, *, space: int, since: int | None = None, until: int | None = None
) -> Calendar:
    """Return the visits of each day, of the years `since` to `until` or of all."""
    first = visit.day_of(date(since, 1, 1)) if since else 0
    last = visit.day_of(date(until, 12, 31)) if until else _LATEST
    counts = reader.days(space, first=first, last=last)
    days = {visit.date_of(count.unit): count.n for count in counts}
    if not counts:
        return Calendar([], days, 0)
    oldest, newest = visit.date_of(counts[0].unit), visit.date_of(counts[-1].unit)
    years = list(range(newest.year, oldest.year - 1, -1))
    return Calendar(years, days, max(days.values()))


def top(
    reader: Reader, *, space: int, dim: Dim, year: int | None = None, limit: int = 20
) -> list[Value]:
    """Return the most frequent values of a dimension, ever or in a year.

    These are counted in batches: `as_of` says how fresh they are.
    """
    return reader.top(space, dim=dim, year=year or 0, limit=limit)


def top_of_days(  # noqa: PLR0913  # filters of one list, all by name
    reader: Reader,
    *,
    space: int,
    zone: ZoneInfo,
    dim: Dim,
    since: date,
    until: date,
    limit: int = 20,
) -> list[Value]:
    """Return the most frequent values from `since` to `until` inclusive, from the rows.

    A month of 2.67 M visits in 12 years takes some 8 ms.
    """
    first, after = daily.bounds(since, until, zone=zone)
    return reader.top_between(space, dim=dim, since=first, until=after, limit=limit)


def totals(reader: Reader, *, space: int) -> Totals:
    """Return how many visits a space has had, and from when to when."""
    months = reader.months(space, first=0, last=_LATEST)
    span = reader.span(space)
    return Totals(
        n=sum(count.n for count in months),
        named=sum(count.named for count in months),
        daily_visitors=sum(count.visitors for count in months),
        first=clock.from_millis(span[0]) if span else None,
        last=clock.from_millis(span[1]) if span else None,
    )


def imports(reader: Reader, *, space: int | None = None) -> list[Import]:
    """Return the imports of a space or of all, newest first."""
    return list(reader.imports(space))


def as_of(reader: EmbeddedReader, *, spool_folder: Path, consumer: str) -> datetime | None:
    """Return up to when visits are counted by "rows" or "tops"; None: all are."""
    uptos, at = reader.rolled(consumer)
    behind = any(
        size > uptos.get(name, 0) for name, size in spool.sizes(spool_folder).items()
    )
    return clock.from_millis(at) if behind else None


def _rows(
    reader: Reader,
    space: int,
    bounds: tuple[int, int],
    before: tuple[int, int, int] | None,
    who: int | None,
    limit: int,
) -> list[Row]:
    key = _before(space, before)
    if who is None:
        return reader.rows(space, since=bounds[0], until=bounds[1], before=key, limit=limit)
    return reader.rows_of(
        space, who=who, since=bounds[0], until=bounds[1], before=key, limit=limit
    )


def _newest(lists: Iterable[list[Row]], limit: int) -> list[Row]:
    return heapq.nlargest(
        limit,
        (row for rows in lists for row in rows),
        key=lambda row: (row.at, row.space, row.n),
    )


def _before(space: int, cursor: tuple[int, int, int] | None) -> tuple[int, int] | None:
    """Return (at, n) behind which a space goes on, in the order of at, space, n."""
    if cursor is None:
        return None
    at, of_space, n = cursor
    if space == of_space:
        return at, n
    return (at, _LATEST) if space < of_space else (at, -1)


def _parse_cursor(cursor: str | None) -> tuple[int, int, int] | None:
    if cursor is None:
        return None
    try:
        at, space, n = (int(part) for part in cursor.split("."))
    except ValueError as error:
        raise BadCursorError(f"{cursor!r} is no cursor of this list") from error
    return at, space, n


def _formats(reader: Reader) -> dict[int, str]:
    return {each.id: each.format for each in reader.imports(None)}


def _seen(row: Row, formats: dict[int, str]) -> Seen:
    return Seen(
        id=f"{row.space}.{row.at}.{row.n}",
        at=clock.from_millis(row.at),
        space=row.space,
        path=row.path,
        who=row.who,
        anonymous_id=f"{row.anon:08x}" if row.anon else None,
        referrer=row.referrer,
        country=row.country,
        device=row.device,
        browser=row.browser,
        os=row.os,
        source=f"import:{row.origin}" if row.origin else LIVE,
        precision=_PRECISION.get(formats.get(row.origin, ""), "exact"),
    )
