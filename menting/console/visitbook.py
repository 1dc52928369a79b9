"""What the pages ask of the visit store: days, hours, the log, tops and faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from menting.base import config
from menting.base.folder import Folder
from menting.console.places import Place
from menting.visits import read, visit
from menting.visits.grain import Grain
from menting.visits.read import Seen
from menting.visits.store.base import Dim, Reader

#: Visits a page of the log: about as many as its neighbours are high.
PAGE = 25
RANKED = 5
_DIMENSIONS = {"path": Dim.PATH, "referrer": Dim.REFERRER, "country": Dim.COUNTRY}
#: 9998-12-31: after every day that was counted.
_LAST_DAY = 2_932_531


@dataclass(frozen=True, slots=True)
class Count:
    """Visits of a day, how many were by name, and its visitors."""

    visits: int
    named: int
    visitors: int


#: A day that nobody came.
NONE = Count(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the log, latest first, and the cursor of what is earlier."""

    items: Sequence[Seen]
    older: str


def days(space: int) -> dict[date, Count]:
    """Return the counts of each day that anybody came, all years (4,383 days take 2 ms)."""
    found = _store().days(space, first=0, last=_LAST_DAY)
    return {
        visit.date_of(count.unit): Count(count.n, count.named, count.visitors)
        for count in found
    }


def hours(place: Place, day: date) -> list[int]:
    """Return the visits of each of the 24 hours of a day, by the clock of the place."""
    store = _store()
    counted = [0] * 24
    # Hours are counted from the rows, which the store keeps by space alone.
    for space in [place.number] if place.number else store.spaces():
        for point in read.series(
            store, space=space, zone=place.zone, grain=Grain.HOUR, since=day, until=day
        ):
            counted[point.start.hour] += point.n
    return counted


def latest(space: int, *, before: str = "", until: datetime | None = None) -> Page:
    """Return the latest visits before a time; a cursor that cannot be read is ignored."""
    try:
        found = read.log(
            _store(), space=space, until=until, limit=PAGE, cursor=before or None
        )
    except read.BadCursorError:
        found = read.log(_store(), space=space, until=until, limit=PAGE)
    return Page(found.items, found.next or "")


def life(space: int, who: int, *, before: str = "") -> Page:
    """Return a named visitor's visits, latest first, from a cursor on."""
    try:
        found = read.life(_store(), space=space, who=who, limit=PAGE, cursor=before or None)
    except read.BadCursorError:
        found = read.life(_store(), space=space, who=who, limit=PAGE)
    return Page(found.items, found.next or "")


def top(space: int, dimension: str, *, year: int) -> list[tuple[str, int]]:
    """Return the most frequent values of "path", "referrer" or "country" in a year."""
    found = read.top(
        _store(), space=space, dim=_DIMENSIONS[dimension], year=year, limit=RANKED
    )
    return [(value.value, value.n) for value in found]


def faces(space: int) -> list[tuple[int, int]]:
    """Return the numbers of the named visitors who came most, and how often."""
    return [(face.who, face.n) for face in read.faces(_store(), space=space)]


def _store() -> Reader:
    return read.store(Folder(config.current().data).visits)
