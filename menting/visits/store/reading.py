"""The embedded store's asking side: keyed ranges, small counts, no raw scans."""

import queue
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from menting.visits.store import tally
from menting.visits.store.base import (
    ALL_SPACES,
    IMPORT_COLUMNS,
    Count,
    Dim,
    Face,
    Import,
    Row,
    Value,
)
from menting.visits.store.connection import open_reader, open_writer

#: Texts kept in memory a process; then they are looked up again.
_MEMORY = 200_000

_COLUMNS = "v.at, v.n, v.visitor, v.path, v.referrer, v.country, v.agent, v.origin"
_ROWS = f"""
select {_COLUMNS} from visit v
where v.space = ? and v.at >= ? and (v.at, v.n) < (?, ?)
order by v.at desc, v.n desc limit ?"""  # noqa: S608  # a constant of this module
#: "cross join" holds the order of the loops: one visitor's names first, then each row.
_ROWS_OF = f"""
select {_COLUMNS} from named m cross join visit v
    on v.space = m.space and v.at = m.at and v.n = m.n
where m.space = ? and m.who = ? and m.at >= ? and (m.at, m.n) < (?, ?)
order by m.at desc, m.n desc limit ?"""  # noqa: S608  # a constant of this module
_TOP = """
select value, n from top where bucket = ?
order by n desc, value limit ?"""
#: A step from each space to the next, where "distinct" would read every row.
_SPACES = """
with recursive step (space) as (
    select min(space) from by_month where space > 0
    union all
    select (select min(space) from by_month where space > step.space)
    from step where step.space is not null)
select space from step where space is not null"""
_QUARTER_MS = 900_000
_COLUMN = {Dim.PATH: "path", Dim.REFERRER: "referrer", Dim.COUNTRY: "country"}
_FAMILY = {Dim.DEVICE: 0, Dim.BROWSER: 1, Dim.OS: 2}


class EmbeddedReader:
    """The asking side; each call borrows a connection, so any thread may ask."""

    def __init__(self, path: Path) -> None:
        """Open the store, making an empty one if it is missing. Raises NewerStoreError."""
        open_writer(path).close()
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._texts: dict[tuple[int, int], str] = {}
        self._agents: dict[int, tuple[str, str, str]] = {}

    def close(self) -> None:
        """Close the connections that are not in use."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

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
        end = before if before is not None and before[0] < until else (until, -1)
        with self._connection() as db:
            found = db.execute(_ROWS, (space, since, *end, limit)).fetchall()
            return [self._row(db, space, *columns) for columns in found]

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
        end = before if before is not None and before[0] < until else (until, -1)
        with self._connection() as db:
            found = db.execute(_ROWS_OF, (space, who, since, *end, limit)).fetchall()
            return [self._row(db, space, *columns) for columns in found]

    def days(self, space: int, *, first: int, last: int) -> list[Count]:
        """Return counts of the days that have any, in order."""
        return self._counts(
            "select day, n, named, visitors from by_day "
            "where space = ? and day between ? and ? order by day",
            (space, first, last),
        )

    def months(self, space: int, *, first: int, last: int) -> list[Count]:
        """Return counts of the months (since 1970) that have any, in order."""
        return self._counts(
            "select month, n, named, visitors from by_month "
            "where space = ? and month between ? and ? order by month",
            (space, first, last),
        )

    def quarters(self, space: int, *, since: int, until: int) -> list[Count]:
        """Return counts by quarter of an hour since 1970, from the rows themselves.

        Quarters, for zones are whole quarters from UTC. `visitors` counts each once a
        quarter.
        """
        return self._counts(
            f"select at / {_QUARTER_MS}, count(*), sum(visitor > 0), "  # noqa: S608  # a constant
            "count(distinct nullif(visitor, 0)) from visit "
            "where space = ? and at >= ? and at < ? group by 1 order by 1",
            (space, since, until),
        )

    def top(self, space: int, *, dim: Dim, year: int, limit: int) -> list[Value]:
        """Return the most frequent values, ever (year 0) or in a year."""
        bucket = tally.bucket(space, dim, year)
        with self._connection() as db:
            found = db.execute(_TOP, (bucket, limit)).fetchall()
            return [Value(self._text(db, dim, value), n) for value, n in found]

    def top_between(
        self, space: int, *, dim: Dim, since: int, until: int, limit: int
    ) -> list[Value]:
        """Return the most frequent values from the rows themselves."""
        column = _COLUMN.get(dim, "agent")
        with self._connection() as db:
            found = db.execute(
                f"select {column}, count(*) from visit "  # noqa: S608  # a constant of this module
                "where space = ? and at >= ? and at < ? group by 1",
                (space, since, until),
            ).fetchall()
            sums: dict[str, int] = {}
            for number, n in found:
                text = self._value(db, dim, number)
                sums[text] = sums.get(text, 0) + n
        order = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return [Value(text, n) for text, n in order[:limit]]

    def country_days(self, country: str, *, first: int, last: int) -> list[tuple[int, int]]:
        """Return (day, visits) of a country over all spaces."""
        with self._connection() as db:
            return db.execute(
                "select c.day, c.n from dim d join day_country c on c.country = d.id "
                "where d.kind = ? and d.text = ? and c.day between ? and ? order by c.day",
                (Dim.COUNTRY, country, first, last),
            ).fetchall()

    def faces(self, space: int, *, limit: int) -> list[Face]:
        """Return the named visitors with the most visits."""
        where = "" if space == ALL_SPACES else "where space = :space"
        with self._connection() as db:
            found = db.execute(
                f"select who, n, first, last from face {where} "  # noqa: S608  # constants
                "order by n desc, who limit :limit",
                {"space": space, "limit": limit},
            )
            return [Face(*columns) for columns in found]

    def face(self, space: int, *, who: int) -> Face | None:
        """Return one visitor's counts."""
        with self._connection() as db:
            found = db.execute(
                "select who, n, first, last from face where space = ? and who = ?",
                (space, who),
            ).fetchone()
        return Face(*found) if found else None

    def span(self, space: int) -> tuple[int, int] | None:
        """Return the first and last visit (milliseconds), or None."""
        if space == ALL_SPACES:
            spans = [found for each in self.spaces() if (found := self.span(each))]
            if not spans:
                return None
            return min(first for first, _ in spans), max(last for _, last in spans)
        with self._connection() as db:
            # Two subqueries: asked for both at once, SQLite reads the whole range.
            first, last = db.execute(
                "select (select min(at) from visit where space = ?1), "
                "(select max(at) from visit where space = ?1)",
                (space,),
            ).fetchone()
        return None if first is None else (first, last)

    def spaces(self) -> list[int]:
        """Return the spaces that have visits."""
        with self._connection() as db:
            return [space for (space,) in db.execute(_SPACES)]

    def imports(self, space: int | None) -> Iterator[Import]:
        """Yield the imports, newest first."""
        with self._connection() as db:
            found = db.execute(
                f"select {IMPORT_COLUMNS} from import "  # noqa: S608  # a constant
                "where ?1 is null or space = ?1 order by id desc",
                (space,),
            ).fetchall()
        for columns in found:
            yield Import(*columns)

    def rolled(self, consumer: str) -> tuple[dict[str, int], int]:
        """Return how far each segment was read, and when last (milliseconds, 0 never)."""
        with self._connection() as db:
            found = db.execute(
                "select segment, upto, at from rolled where consumer = ?", (consumer,)
            ).fetchall()
        uptos = {segment: upto for segment, upto, _ in found}
        return uptos, max((at for _, _, at in found), default=0)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = open_reader(self._path)
        try:
            yield connection
        finally:
            self._idle.put(connection)

    def _counts(self, sql: str, args: tuple[int, ...]) -> list[Count]:
        with self._connection() as db:
            return [Count(*columns) for columns in db.execute(sql, args)]

    def _row(self, db: sqlite3.Connection, space: int, *columns: Any) -> Row:
        at, n, visitor, path, referrer, country, agent, origin = columns
        device, browser, system = self._families(db, agent)
        return Row(
            space,
            at,
            n,
            max(visitor, 0),
            max(-visitor, 0),
            self._text(db, Dim.PATH, path),
            self._text(db, Dim.REFERRER, referrer),
            self._text(db, Dim.COUNTRY, country),
            device,
            browser,
            system,
            origin,
        )

    def _value(self, db: sqlite3.Connection, dim: Dim, number: int) -> str:
        if dim in _COLUMN:
            return self._text(db, dim, number)
        return self._families(db, number)[_FAMILY[dim]]

    def _text(self, db: sqlite3.Connection, dim: Dim, number: int) -> str:
        if number == 0:
            return ""
        found = self._texts.get((dim, number))
        if found is None:
            if len(self._texts) > _MEMORY:
                self._texts.clear()
            (found,) = db.execute(
                "select text from dim where kind = ? and id = ?", (dim, number)
            ).fetchone()
            self._texts[dim, number] = found
        return found

    def _families(self, db: sqlite3.Connection, agent: int) -> tuple[str, str, str]:
        if agent == 0:
            return "", "", ""
        found = self._agents.get(agent)
        if found is None:
            numbers = db.execute(
                "select device, browser, os from agent where id = ?", (agent,)
            ).fetchone()
            device, browser, system = (
                self._text(db, dim, number)
                for dim, number in zip(
                    (Dim.DEVICE, Dim.BROWSER, Dim.OS), numbers, strict=True
                )
            )
            found = self._agents[agent] = (device, browser, system)
        return found
