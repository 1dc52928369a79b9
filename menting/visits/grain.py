"""How finely visits are counted: hours from rows, days and months kept, years added."""

import enum
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from menting.visits import daily, visit
from menting.visits.store.base import Count, Reader

#: Hours are counted from the rows, so they are asked for this many days at most.
HOUR_DAYS = 62

_FAR_PAST, _FAR_FUTURE = date(1970, 1, 1), date(9998, 12, 31)


class Grain(enum.StrEnum):
    """The unit of a series."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class TooFineError(Exception):
    """The grain is too fine for the time asked for."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """One unit of a series, by its start in the zone in which days are counted."""

    start: datetime
    n: int
    #: How many of them had a name.
    named: int
    #: The sum of daily visitors: who comes on two days is counted twice.
    daily_visitors: int


def series(
    store: Reader,
    *,
    space: int,
    zone: ZoneInfo,
    grain: Grain,
    since: date | None,
    until: date | None,
) -> list[Point]:
    """Return the units that have visits, in order, from `since` to `until` inclusive.

    Raises TooFineError for more than HOUR_DAYS days of hours.
    """
    first, last = since or _FAR_PAST, until or _FAR_FUTURE
    if grain is Grain.HOUR:
        return _hours(store, space, zone, first, last)
    if grain is Grain.DAY or _cuts_a_month(since, until):
        counts = store.days(space, first=visit.day_of(first), last=visit.day_of(last))
        return _gather(
            [(_start_of(visit.date_of(count.unit), grain), count) for count in counts], zone
        )
    months = store.months(space, first=_month(first), last=_month(last))
    return _gather(
        [(_start_of(_first(count.unit), grain), count) for count in months], zone
    )


def _hours(
    store: Reader, space: int, zone: ZoneInfo, first: date, last: date
) -> list[Point]:
    if (last - first) > timedelta(days=HOUR_DAYS):
        raise TooFineError(
            f"hours are shown for {HOUR_DAYS} days at most: give --from and --to"
        )
    since, until = daily.bounds(first, last, zone=zone)
    points: dict[datetime, Count] = {}
    for count in store.quarters(space, since=since, until=until):
        local = datetime.fromtimestamp(count.unit * 900, UTC).astimezone(zone)
        hour = local.replace(minute=0, second=0, microsecond=0)
        points[hour] = _sum(points.get(hour), count)
    return [_point(start, count) for start, count in points.items()]


def _gather(counts: list[tuple[date, Count]], zone: ZoneInfo) -> list[Point]:
    sums: dict[date, Count] = {}
    for start, count in counts:
        sums[start] = _sum(sums.get(start), count)
    return [
        _point(datetime.combine(start, time.min, tzinfo=zone), count)
        for start, count in sums.items()
    ]


def _sum(one: Count | None, other: Count) -> Count:
    if one is None:
        return other
    return Count(
        one.unit, one.n + other.n, one.named + other.named, one.visitors + other.visitors
    )


def _point(start: datetime, count: Count) -> Point:
    return Point(start, count.n, count.named, count.visitors)


def _cuts_a_month(since: date | None, until: date | None) -> bool:
    """Say whether a bound lies within a month, so that months cannot be taken whole."""
    starts_within = since is not None and since.day != 1
    ends_within = until is not None and (until + timedelta(days=1)).day != 1
    return starts_within or ends_within


def _start_of(day: date, grain: Grain) -> date:
    if grain is Grain.YEAR:
        return day.replace(month=1, day=1)
    return day.replace(day=1) if grain is Grain.MONTH else day


def _month(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1


def _first(month: int) -> date:
    return date(1970 + month // 12, month % 12 + 1, 1)
