"""The embedded store's writing side: one SQLite file, each batch all or nothing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from menting.base import clock
from menting.visits.store import tally
from menting.visits.store.base import (
    IMPORT_COLUMNS,
    Dim,
    Import,
    ImportBatch,
    ImportMovedError,
    Mark,
)
from menting.visits.store.connection import open_writer, transaction
from menting.visits.store.daily import Daily
from menting.visits.store.dims import Dims
from menting.visits.store.tally import Numbered
from menting.visits.visit import Visit

#: A segment's mark outlives the file, for a backup that copied the file before the store.
MARK_KEPT_MS = 7 * 86_400_000

_INSERT_VISIT = """
insert or ignore into visit
    (space, at, n, visitor, path, referrer, country, agent, origin)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_NAMED = "insert into named (space, who, at, n) values (?, ?, ?, ?)"
_COUNTS = """
insert into {table} (space, {unit}, n, named, visitors) values (?, ?, ?, ?, ?)
on conflict do update set
    n = n + excluded.n, named = named + excluded.named,
    visitors = visitors + excluded.visitors"""
_COUNT_DAY = _COUNTS.format(table="by_day", unit="day")
_COUNT_MONTH = _COUNTS.format(table="by_month", unit="month")
_COUNT_COUNTRY = """
insert into day_country (country, day, n) values (?, ?, ?)
on conflict do update set n = n + excluded.n"""
_COUNT_FACE = """
insert into face (space, who, n, first, last) values (?, ?, ?, ?, ?)
on conflict do update set n = n + excluded.n,
    first = min(first, excluded.first), last = max(last, excluded.last)"""
_COUNT_TOP = """
insert into top (bucket, value, n) values (?, ?, ?)
on conflict do update set n = n + excluded.n"""
_ADVANCE = f"""
update import set line = :line, rows = rows + :rows, rejected = rejected + :rejected,
    passed = passed + :passed,
    first = coalesce(min(first, :first), first, :first),
    last = coalesce(max(last, :last), last, :last)
where id = :id and state = 'running' and line = :after returning {IMPORT_COLUMNS}"""  # noqa: S608  # a constant
_MARK = """
insert into rolled (consumer, segment, upto, at) values (?, ?, ?, ?)
on conflict do update set upto = excluded.upto, at = excluded.at"""

_Placed = tuple[Numbered, int]


class Embedded:
    """The writing side; one thread uses it, other processes may write beside it."""

    def __init__(self, path: Path) -> None:
        """Open the store, making it if missing. Raises NewerStoreError."""
        self._db = open_writer(path)
        self._dims, self._daily = Dims(self._db), Daily(self._db)

    def close(self) -> None:
        """End."""
        self._db.close()

    def marks(self) -> dict[tuple[str, str], int]:
        """Return how far each (consumer, segment) was read."""
        rows = self._db.execute("select consumer, segment, upto from rolled")
        return {(consumer, segment): upto for consumer, segment, upto in rows}

    def add_rows(self, visits: Sequence[Visit], *, mark: Mark) -> None:
        """Keep rows, names and plain counts, and the mark, all or nothing."""
        with self._all_or_nothing():
            rows = self._numbered(visits)
            self._insert(rows, origin=0)
            self._count(rows, self._daily.count(rows))
            self._set(mark)

    def add_tops(self, visits: Sequence[Visit], *, mark: Mark) -> None:
        """Count the dimensions, and keep the mark, all or nothing."""
        with self._all_or_nothing():
            self._count_tops(self._numbered(visits))
            self._set(mark)

    def add_import(self, batch: ImportBatch) -> Import:
        """Keep a part of an import: rows, all counts and how far it reaches.

        Raises ImportMovedError, and keeps nothing, when it does not follow the last part.
        """
        with self._all_or_nothing():
            rows = self._numbered(batch.visits)
            self._insert(rows, origin=batch.import_id)
            self._count(rows, batch.visitors)
            self._count_tops(rows)
            return self._advance(batch)

    def begin_import(
        self, *, space: int, digest: str, form: str, zone: str, house_zone: str
    ) -> Import:
        """Return the import of this file into this space: new, or the one there is."""
        now = clock.now_millis()
        with transaction(self._db):
            self._db.execute(
                "insert or ignore into import (space, digest, format, zone, house_zone, "
                "state, line, rows, rejected, passed, at) "
                "values (?, ?, ?, ?, ?, 'running', 0, 0, 0, 0, ?)",
                (space, digest, form, zone, house_zone, now),
            )
            found = self._db.execute(
                f"select {IMPORT_COLUMNS} from import "  # noqa: S608  # a constant
                "where space = ? and digest = ? and state <> 'undone'",
                (space, digest),
            ).fetchone()
        return Import(*found)

    def finish_import(self, import_id: int) -> None:
        """Mark an import as whole."""
        with transaction(self._db):
            self._db.execute(
                "update import set state = 'done' where id = ? and state = 'running'",
                (import_id,),
            )

    def forget_segments(self, present: Iterable[str]) -> None:
        """Drop the marks of segments that are gone since a week."""
        limit = clock.now_millis() - MARK_KEPT_MS
        kept = set(present)
        gone = [
            (segment,)
            for (segment,) in self._db.execute(
                "select distinct segment from rolled where at < ?", (limit,)
            )
            if segment not in kept
        ]
        if gone:
            with transaction(self._db):
                self._db.executemany("delete from rolled where segment = ?", gone)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            with transaction(self._db):
                yield
        except BaseException:
            # What was numbered or seen within it was never kept.
            self._dims.forget()
            self._daily.forget()
            raise

    def _numbered(self, visits: Sequence[Visit]) -> list[Numbered]:
        """Return the visits with their texts as numbers, in the order of the table."""
        gone = self._gone()
        rows = [self._number(visit, gone) for visit in visits]
        rows.sort()
        return rows

    def _number(self, visit: Visit, gone: set[int]) -> Numbered:
        dims, space = self._dims, visit.space
        year = tally.year_of(visit.day)
        return Numbered(
            space,
            visit.at,
            visit.day,
            visit.house_day,
            0 if visit.who in gone else visit.who or -visit.anon,
            dims.number(Dim.PATH, visit.path, space=space, year=year),
            dims.number(Dim.REFERRER, visit.referrer, space=space, year=year),
            dims.number(Dim.COUNTRY, visit.country, space=space, year=year),
            dims.agent(visit.device, visit.browser, visit.os),
        )

    def _gone(self) -> set[int]:
        return {who for (who,) in self._db.execute("select who from gone")}

    def _insert(self, rows: Sequence[Numbered], *, origin: int) -> None:
        """Insert rows sorted by (space, at); those of one millisecond get n, n + 1 and on.

        Equal rows are two visits: that each comes in once is the mark's doing.
        """
        placed = _placed(rows, {})
        self._db.execute("savepoint ties")
        if self._insert_placed(placed, origin) != len(rows):
            # Some millisecond was there already: look for the free numbers.
            self._db.execute("rollback to ties")
            placed = _placed(rows, self._taken(rows))
            self._insert_placed(placed, origin)
        self._db.execute("release ties")
        named = [
            (row.space, row.visitor, row.at, n) for row, n in placed if row.visitor > 0
        ]
        named.sort()
        self._db.executemany(_INSERT_NAMED, named)

    def _insert_placed(self, placed: Sequence[_Placed], origin: int) -> int:
        return self._db.executemany(
            _INSERT_VISIT,
            [(row[0], row[1], n, *row[4:], origin) for row, n in placed],
        ).rowcount

    def _taken(self, rows: Iterable[Numbered]) -> dict[tuple[int, int], int]:
        taken: dict[tuple[int, int], int] = {}
        for key in {(row.space, row.at) for row in rows}:
            (last,) = self._db.execute(
                "select max(n) from visit where space = ? and at = ?", key
            ).fetchone()
            if last is not None:
                taken[key] = last + 1
        return taken

    def _count(self, rows: Sequence[Numbered], visitors: tally.Days) -> None:
        days = tally.days(rows, visitors)
        self._db.executemany(_COUNT_DAY, days)
        self._db.executemany(_COUNT_MONTH, tally.months(days))
        self._db.executemany(_COUNT_COUNTRY, tally.countries(rows))
        self._db.executemany(_COUNT_FACE, tally.faces(rows))

    def _count_tops(self, rows: Sequence[Numbered]) -> None:
        agents = self._dims.agents()
        self._db.executemany(_COUNT_TOP, tally.tops(rows, agents))

    def _advance(self, batch: ImportBatch) -> Import:
        self._db.executemany(
            "insert into import_day (import, space, day, visitors) values (?, ?, ?, ?) "
            "on conflict do update set visitors = visitors + excluded.visitors",
            [(batch.import_id, *key, n) for key, n in batch.visitors.items()],
        )
        times = [visit.at for visit in batch.visits]
        row = self._db.execute(
            _ADVANCE,
            {
                "id": batch.import_id,
                "after": batch.after,
                "line": batch.line,
                "rows": len(times),
                "rejected": batch.rejected,
                "passed": batch.passed,
                "first": min(times, default=None),
                "last": max(times, default=None),
            },
        ).fetchone()
        if row is None:
            raise ImportMovedError(
                f"another process goes on with import {batch.import_id}, or takes it back"
            )
        return Import(*row)

    def _set(self, mark: Mark) -> None:
        now = clock.now_millis()
        self._db.execute(_MARK, (mark.consumer, mark.segment, mark.upto, now))


def _placed(rows: Iterable[Numbered], taken: dict[tuple[int, int], int]) -> list[_Placed]:
    placed: list[_Placed] = []
    before, n = (-1, -1), 0
    for row in rows:
        key = (row.space, row.at)
        n = n + 1 if key == before else taken.get(key, 0)
        placed.append((row, n))
        before = key
    return placed
