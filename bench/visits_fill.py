"""Invented visits of 12 years, in order of time, and a store filled with them."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from menting.visits.daily import Days
from menting.visits.store.base import Mark
from menting.visits.store.embedded import Embedded
from menting.visits.visit import Visit

SPACES, PATHS, REFERRERS, PEOPLE = 1_000, 5_000, 800, 5_000
NAMED = 0.164
FIRST = int(datetime(2014, 1, 1, tzinfo=UTC).timestamp() * 1000)
LAST = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
#: The visitor whose page is looked at.
REGULAR = 77
BATCH = 50_000

_COUNTRIES = (
    "CN",
    "CN",
    "CN",
    "HK",
    "TW",
    "SG",
    "MY",
    "US",
    "CA",
    "GB",
    "DE",
    "FR",
    "AU",
    "",
)
_BROWSERS = ("WeChat", "Chrome", "Chrome Mobile", "Firefox", "Safari", "Edge", "QQ Browser")
_SYSTEMS = (
    ("phone", "Android"),
    ("phone", "iOS"),
    ("desktop", "Windows"),
    ("tablet", "iOS"),
)


def visits(count: int, *, first: int = FIRST, last: int = LAST) -> Iterator[Visit]:
    """Yield `count` visits in order, more to some spaces than to others."""
    rng = random.Random(count)
    days, zone, house = Days(), ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC")
    step = (last - first) / count
    for number in range(count):
        at = int(first + (number + rng.random()) * step)
        space = _zipf(rng, SPACES)
        who = 0
        if rng.random() < NAMED:
            who = REGULAR if rng.random() < 0.02 else _zipf(rng, PEOPLE)
        device, system = _SYSTEMS[int(len(_SYSTEMS) * rng.random() ** 2)]
        yield Visit(
            at=at,
            space=space,
            day=days.day(at, zone=zone),
            house_day=days.day(at, zone=house),
            path=f"/posts/{_zipf(rng, PATHS)}",
            referrer=f"site{_zipf(rng, REFERRERS)}.example" if rng.random() < 0.6 else "",
            country=_COUNTRIES[int(len(_COUNTRIES) * rng.random())],
            device=device,
            browser=_BROWSERS[int(len(_BROWSERS) * rng.random() ** 2)],
            os=system,
            who=who,
            anon=0 if who else rng.getrandbits(31),
            vid=number + 1,
        )


def _zipf(rng: random.Random, most: int) -> int:
    """Return 1 to `most`, each n-th as often as 1/n: how pages and sites are visited."""
    return int(most ** rng.random())


def fill(path: Path, *, rows: int) -> float:
    """Fill a store as the roller does with a backlog; return rows a second."""
    writer = Embedded(path)
    source = visits(rows)
    spent = 0.0
    number = 0
    while batch := list(islice(source, BATCH)):
        number += 1
        spent += timed(lambda: _add(writer, batch, number))  # noqa: B023  # called at once
    writer.close()
    return rows / spent


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _add(writer: Embedded, batch: Sequence[Visit], number: int) -> None:
    writer.add_rows(batch, mark=Mark("rows", "fill", number))
    writer.add_tops(batch, mark=Mark("tops", "fill", number))
