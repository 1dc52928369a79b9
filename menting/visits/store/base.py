"""What any visit store promises: rows in exactly once, counts that agree, quick reads."""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from menting.visits.visit import Visit

#: All spaces together.
ALL_SPACES = 0
#: Stands for the texts beyond a cap.
OTHER = "(other)"


class StoreError(Exception):
    """The visit store cannot do this; the message says why.

    NewerStoreError: it was written by a newer program. UnknownImportError: no such import.
    ImportMovedError: another process went on with the import, or takes it back.
    """


class NewerStoreError(StoreError):
    """The visit store was written by a newer Menting."""


class UnknownImportError(StoreError):
    """There is no such import."""


class ImportMovedError(StoreError):
    """Another process goes on with this import, or takes it back."""


class Dim(enum.IntEnum):
    """What visits are told apart by; the values are stored."""

    PATH = 1
    REFERRER = 2
    COUNTRY = 3
    DEVICE = 4
    BROWSER = 5
    OS = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a consumer has read a segment."""

    consumer: str
    segment: str
    upto: int


class Row(msgspec.Struct, frozen=True, gc=False):
    """One visit as it is kept."""

    space: int
    #: Milliseconds since 1970, and the number among those of the same millisecond.
    at: int
    n: int
    who: int
    anon: int
    path: str
    referrer: str
    country: str
    device: str
    browser: str
    os: str
    #: 0 came by the door, else the import's number.
    origin: int


class Count(msgspec.Struct, frozen=True, gc=False):
    """Visits of one day, month or hour; `visitors` is the sum of daily visitors."""

    unit: int
    n: int
    named: int
    visitors: int


class Value(msgspec.Struct, frozen=True, gc=False):
    """One value of a dimension and its visits."""

    value: str
    n: int


class Face(msgspec.Struct, frozen=True, gc=False):
    """A named visitor of a space: visits, first and last (milliseconds)."""

    who: int
    n: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Import:
    """One file of an old history."""

    id: int
    space: int
    format: str
    zone: str
    house_zone: str
    state: str
    line: int
    rows: int
    rejected: int
    passed: int
    first: int | None
    last: int | None


#: The columns of Import in the embedded store, in its order.
IMPORT_COLUMNS = (
    "id, space, format, zone, house_zone, state, line, rows, rejected, passed, first, last"
)


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """A part of a file, with how far it reaches."""

    import_id: int
    #: The last line before this part, and the last that it covers.
    after: int
    line: int
    visits: Sequence[Visit]
    #: Daily visitors seen for the first time, by (space or 0, day).
    visitors: Mapping[tuple[int, int], int]
    rejected: int = 0
    passed: int = 0


class Writer(Protocol):
    """The writing side; one thread uses it."""

    def marks(self) -> dict[tuple[str, str], int]:
        """Return how far each (consumer, segment) was read."""

    def add_rows(self, visits: Sequence[Visit], *, mark: Mark) -> None:
        """Keep rows, names and plain counts, and the mark, all or nothing."""

    def add_tops(self, visits: Sequence[Visit], *, mark: Mark) -> None:
        """Count the dimensions, and keep the mark, all or nothing."""

    def add_import(self, batch: ImportBatch) -> Import:
        """Keep a part of an import: rows, all counts and how far it reaches."""

    def close(self) -> None:
        """End."""


class Reader(Protocol):
    """The asking side; any thread uses it."""

    def rows(
        self,
        space: int,
        *,
        since: int,
        until: int,
        before: tuple[int, int] | None,
        limit: int,
    ) -> list[Row]:
        """Return rows with since <= at < until, newest first, behind `before` (at, n)."""

    def rows_of(
        self,
        space: int,
        *,
        who: int,
        since: int,
        until: int,
        before: tuple[int, int] | None,
        limit: int,
    ) -> list[Row]:
        """Return one visitor's rows likewise."""

    def days(self, space: int, *, first: int, last: int) -> list[Count]:
        """Return counts of the days that have any, in order."""

    def months(self, space: int, *, first: int, last: int) -> list[Count]:
        """Return counts of the months (since 1970) that have any, in order."""

    def quarters(self, space: int, *, since: int, until: int) -> list[Count]:
        """Return counts by quarter of an hour since 1970, from the rows themselves."""

    def top(self, space: int, *, dim: Dim, year: int, limit: int) -> list[Value]:
        """Return the most frequent values, ever (year 0) or in a year."""

    def top_between(
        self, space: int, *, dim: Dim, since: int, until: int, limit: int
    ) -> list[Value]:
        """Return the most frequent values from the rows themselves."""

    def country_days(self, country: str, *, first: int, last: int) -> list[tuple[int, int]]:
        """Return (day, visits) of a country over all spaces."""

    def faces(self, space: int, *, limit: int) -> list[Face]:
        """Return the named visitors with the most visits."""

    def face(self, space: int, *, who: int) -> Face | None:
        """Return one visitor's counts."""

    def span(self, space: int) -> tuple[int, int] | None:
        """Return the first and last visit (milliseconds), or None."""

    def spaces(self) -> list[int]:
        """Return the spaces that have visits."""

    def imports(self, space: int | None) -> Iterator[Import]:
        """Yield the imports, newest first."""
