"""Counting a batch: by day and month, by country, by visitor, and by each dimension."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from menting.visits import visit
from menting.visits.store.base import ALL_SPACES, Dim

#: A year less this takes 8 bits of a bucket, up to 2224; 0 is "ever".
YEAR_BASE = 1969
_VALUE_BITS = 32


class Numbered(NamedTuple):
    """A visit with its texts as numbers."""

    space: int
    at: int
    day: int
    house_day: int
    #: The visitor's number if named, less than 0 for a nameless id, 0 for neither.
    visitor: int
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
    named = Counter([(row.space, row.day) for row in rows if row.visitor > 0])
    named.update([(ALL_SPACES, row.house_day) for row in rows if row.visitor > 0])
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
        if row.visitor > 0:
            key = (row.space, row.visitor)
            n, first, last = found.get(key, (0, row.at, row.at))
            found[key] = (n + 1, min(first, row.at), max(last, row.at))
    return [(*key, *found[key]) for key in sorted(found)]


def tops(rows: Sequence[Numbered], agents: Agents) -> list[tuple[int, int, int]]:
    """Return (bucket, value, n) in order, ever and by year.

    Counted once by space and year, in C; "ever", "all spaces" and the agent's three
    families are summed from those few counts, not from the rows. Bucket and value are one
    integer meanwhile: tuples took twice as long, for the garbage collector looks at each.
    """
    sums: dict[int, int] = {}
    groups = [(row.space, year_of(row.day), year_of(row.house_day)) for row in rows]
    for dim, values in (
        (Dim.PATH, [row.path for row in rows]),
        (Dim.REFERRER, [row.referrer for row in rows]),
        (Dim.COUNTRY, [row.country for row in rows]),
    ):
        for (group, value), n in Counter(zip(groups, values, strict=True)).items():
            _spread(sums, group, dim, value, n)
    numbers = [row.agent for row in rows]
    for (group, agent), n in Counter(zip(groups, numbers, strict=True)).items():
        for dim, value in zip(
            (Dim.DEVICE, Dim.BROWSER, Dim.OS), agents[agent], strict=True
        ):
            _spread(sums, group, dim, value, n)
    return [
        (key >> _VALUE_BITS, key & (1 << _VALUE_BITS) - 1, sums[key])
        for key in sorted(sums)
    ]


@lru_cache(maxsize=65_536)
def bucket(space: int, dim: Dim, year: int) -> int:
    """Return the number of a space (0: all), a dimension and a year (0: ever) together."""
    return space << 12 | dim << 8 | (year - YEAR_BASE if year else 0)


def buckets(space: int) -> tuple[int, int]:
    """Return the first and the last bucket of a space."""
    return space << 12, (space + 1 << 12) - 1


def _spread(
    sums: dict[int, int], group: tuple[int, int, int], dim: Dim, value: int, n: int
) -> None:
    space, year, house_year = group
    for each in (
        bucket(space, dim, 0),
        bucket(space, dim, year),
        bucket(ALL_SPACES, dim, 0),
        bucket(ALL_SPACES, dim, house_year),
    ):
        key = each << _VALUE_BITS | value
        sums[key] = sums.get(key, 0) + n


@lru_cache(maxsize=65_536)
def year_of(day: int) -> int:
    """Return the year of a day since 1970."""
    return visit.date_of(day).year


@lru_cache(maxsize=65_536)
def month_of(day: int) -> int:
    """Return months since 1970 of a day since 1970."""
    date = visit.date_of(day)
    return (date.year - 1970) * 12 + date.month - 1
