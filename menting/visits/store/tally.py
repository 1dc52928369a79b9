"""Counting a batch: by day and month, by country, by visitor, and by each dimension."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from menting.visits import visit
from menting.visits.store.base import ALL_SPACES, Dim

#: A year less this is a period, so that it takes one byte; 0 is "ever".
PERIOD_BASE = 1969


class Numbered(NamedTuple):
    """A visit with its texts as numbers."""

    space: int
    at: int
    day: int
    house_day: int
    who: int
    anon: int
    path: int
    referrer: int
    country: int
    agent: int


Days = Mapping[tuple[int, int], int]
"""A count by (space, day)."""

Agents = Mapping[int, tuple[int, int, int]]
"""Device, browser and system of an agent's number."""


def days(rows: Sequence[Numbered], visitors: Days) -> list[tuple[int, ...]]:
    """Return (space, day, n, named, visitors), in order, with those of all spaces."""
    n = Counter([(row.space, row.day) for row in rows])
    n.update([(ALL_SPACES, row.house_day) for row in rows])
    named = Counter([(row.space, row.day) for row in rows if row.who])
    named.update([(ALL_SPACES, row.house_day) for row in rows if row.who])
    return [(*key, n[key], named[key], visitors.get(key, 0)) for key in sorted(n)]


def months(by_day: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return (space, month, n, named, visitors) of what `days` returned."""
    sums: dict[tuple[int, int], list[int]] = {}
    for space, day, *counts in by_day:
        found = sums.setdefault((space, month_of(day)), [0, 0, 0])
        for place, count in enumerate(counts):
            found[place] += count
    return [(*key, *sums[key]) for key in sorted(sums)]


def countries(rows: Sequence[Numbered]) -> list[tuple[int, int, int]]:
    """Return (country, day, n) over all spaces, in the house's days."""
    counts = Counter([(row.country, row.house_day) for row in rows])
    return [(*key, counts[key]) for key in sorted(counts)]


def faces(rows: Iterable[Numbered]) -> list[tuple[int, ...]]:
    """Return (space, who, n, first, last) of the named visitors."""
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for row in rows:
        if row.who:
            key = (row.space, row.who)
            n, first, last = found.get(key, (0, row.at, row.at))
            found[key] = (n + 1, min(first, row.at), max(last, row.at))
    return [(*key, *found[key]) for key in sorted(found)]


def tops(rows: Sequence[Numbered], agents: Agents) -> list[tuple[int, ...]]:
    """Return (space, dim, period, value, n) in order, ever and by year.

    Counted once by space and year, in C; "ever", "all spaces" and the agent's three
    families are summed from those few counts, not from the rows. Keys are packed integers:
    tuples took twice as long, for the garbage collector looks at each.
    """
    sums: dict[int, int] = {}
    groups = [_group(row) for row in rows]
    for dim, values in (
        (Dim.PATH, [row.path for row in rows]),
        (Dim.REFERRER, [row.referrer for row in rows]),
        (Dim.COUNTRY, [row.country for row in rows]),
    ):
        for (group, value), n in Counter(zip(groups, values, strict=True)).items():
            _spread(sums, group, dim << _DIM_BITS | value, n)
    numbers = [row.agent for row in rows]
    for (group, agent), n in Counter(zip(groups, numbers, strict=True)).items():
        for dim, value in zip(
            (Dim.DEVICE, Dim.BROWSER, Dim.OS), agents[agent], strict=True
        ):
            _spread(sums, group, dim << _DIM_BITS | value, n)
    return [_unpacked(key, sums[key]) for key in sorted(sums)]


#: A packed key, from the low end: value 32 bits, period 8, dimension 4, and the space.
_PERIOD_BITS, _DIM_BITS, _SPACE_BITS = 32, 40, 44


def _group(row: Numbered) -> tuple[int, int, int]:
    """Return the parts of the keys that a row adds to: its space, and both its years."""
    return (
        row.space << _SPACE_BITS,
        year_of(row.day) - PERIOD_BASE << _PERIOD_BITS,
        year_of(row.house_day) - PERIOD_BASE << _PERIOD_BITS,
    )


def _spread(sums: dict[int, int], group: tuple[int, int, int], key: int, n: int) -> None:
    """Add to ever and to the year, of the space and of all spaces (number 0)."""
    space, year, house_year = group
    own = space | key
    get = sums.get
    sums[own] = get(own, 0) + n
    sums[own | year] = get(own | year, 0) + n
    sums[key] = get(key, 0) + n
    sums[key | house_year] = get(key | house_year, 0) + n


def _unpacked(key: int, n: int) -> tuple[int, ...]:
    return (
        key >> _SPACE_BITS,
        key >> _DIM_BITS & 0xF,
        key >> _PERIOD_BITS & 0xFF,
        key & 0xFFFF_FFFF,
        n,
    )


@lru_cache(maxsize=65_536)
def year_of(day: int) -> int:
    """Return the year of a day since 1970."""
    return visit.date_of(day).year


@lru_cache(maxsize=65_536)
def month_of(day: int) -> int:
    """Return months since 1970 of a day since 1970."""
    date = visit.date_of(day)
    return (date.year - 1970) * 12 + date.month - 1
