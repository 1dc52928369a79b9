"""Visits: the door, the roller, and what is asked of 12 years of them."""

import sqlite3
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import visits_door
from bench.row import Row
from bench.visits_fill import BATCH, LAST, REGULAR, fill, timed, visits
from menting.base.clock import millis
from menting.visits import read, visit
from menting.visits.spool import FRAME
from menting.visits.store import tally
from menting.visits.store.base import Dim
from menting.visits.store.connection import checkpoint, open_reader, open_writer
from menting.visits.store.reading import EmbeddedReader
from menting.visits.visit import Visit
from menting.workers.roller import Roller

#: The space with the most visits, and one month of it.
SPACE = 1
MONTH = datetime(2015, 5, 1, tzinfo=UTC), datetime(2015, 6, 1, tzinfo=UTC)
#: Visits that the roller takes on the full store, in thousands as on a quiet day.
ROLLED = 100_000
SHARE = 1_000
REPEATS = 60


def measure(*, rows: int = 2_000_000) -> Iterator[Row]:
    """Measure the door, then a store of `rows` visits: roller, questions and bytes."""
    yield from visits_door.measure()
    with tempfile.TemporaryDirectory(prefix="menting-bench-visits-") as folder:
        store = Path(folder) / "visits.db"
        sys.stderr.write(f"filling a store with {rows:,} visits\n")
        backlog = fill(store, rows=rows)
        checkpoint(store)
        yield Row(
            f"bytes a visit, all included, at {rows / 1e6:g} M",
            store.stat().st_size / rows,
            "B",
            None,
            None,
            "≤ 56 from 5 M on",
        )
        yield from _questions(store, rows)
        yield from _rolling(Path(folder), rows, backlog)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of the reader, and the bare SELECT of the same rows."""

    what: str
    ask: Callable[[EmbeddedReader], object]
    sql: str
    args: Sequence[Any]
    goal: str


_ROW = "select at, n, visitor, path, referrer, country, agent, origin from visit"
_TOP = "select value, n from top where bucket = ? order by n desc limit 20"
_MS = "≤ 1 ms"
_MONTH_MS = tuple(millis(bound) for bound in MONTH)

QUESTIONS = (
    _Question(
        "latest 50 of a space",
        lambda reader: read.log(reader, space=SPACE, limit=50),
        f"{_ROW} where space = ? order by at desc, n desc limit 51",
        (SPACE,),
        _MS,
    ),
    _Question(
        "one month of 2015, a page of 50",
        lambda reader: read.log(
            reader, space=SPACE, since=MONTH[0], until=MONTH[1], limit=50
        ),
        f"{_ROW} where space = ? and at >= ? and at < ? order by at desc, n desc limit 51",
        (SPACE, *_MONTH_MS),
        _MS,
    ),
    _Question(
        "one visitor's life, a page of 50",
        lambda reader: read.life(reader, space=SPACE, who=REGULAR, limit=50),
        "with latest (s, a, m) as (select space, at, n from named where space = ? "  # noqa: S608  # constants
        "and who = ? order by at desc, n desc limit 51) "
        f"{_ROW} join latest on space = s and at = a and n = m",
        (SPACE, REGULAR),
        _MS,
    ),
    _Question(
        "day calendar of 12 years, one space",
        lambda reader: read.calendar(reader, space=SPACE),
        "select day, n, named, visitors from by_day where space = ? order by day",
        (SPACE,),
        "≤ 5 ms",
    ),
    _Question(
        "day calendar of 12 years, all spaces",
        lambda reader: read.calendar(reader, space=0),
        "select day, n, named, visitors from by_day where space = ? order by day",
        (0,),
        "≤ 5 ms",
    ),
    _Question(
        "top 20 referrers of all years, one space",
        lambda reader: read.top(reader, space=SPACE, dim=Dim.REFERRER),
        _TOP,
        (tally.bucket(SPACE, Dim.REFERRER, 0),),
        "≤ 5 ms",
    ),
    _Question(
        "top 20 referrers of all years, all spaces",
        lambda reader: read.top(reader, space=0, dim=Dim.REFERRER),
        _TOP,
        (tally.bucket(0, Dim.REFERRER, 0),),
        "≤ 5 ms",
    ),
)


def _questions(store: Path, rows: int) -> Iterator[Row]:
    reader = EmbeddedReader(store)
    with closing(open_reader(store)) as bare:
        for question in QUESTIONS:
            if not question.ask(reader):
                raise RuntimeError(f"{question.what}: nothing was found")
            ours = _median_ms(lambda: question.ask(reader))  # noqa: B023  # called at once
            limit = _median_ms(
                lambda: bare.execute(question.sql, question.args).fetchall()  # noqa: B023
            )
            what = f"{question.what}, at {rows / 1e6:g} M"
            yield Row(what, ours, "ms", limit, ours / limit, question.goal)
    reader.close()


def _rolling(folder: Path, rows: int, backlog: float) -> Iterator[Row]:
    """Roll new visits on the full store: rows by 1,000 and tops by 50,000 together."""
    year = (LAST - millis(datetime(2025, 1, 1, tzinfo=UTC))) // 365
    fresh = list(visits(ROLLED, first=LAST, last=LAST + year))
    store = folder / "visits.db"
    bare = ROLLED / _bare_insert(store, folder / "bare.db", fresh)
    _write_segment(folder / "spool", fresh)
    roller = Roller(store, folder / "spool", None)
    ours = ROLLED / timed(lambda: _roll(roller))
    roller.close()
    at = f"at {rows / 1e6:g} M"
    goal = "≥ 20 k/s"
    what = f"roller, rows by 1,000 and tops by 50,000, {at}"
    yield Row(what, ours, "rows/s", bare, ours / bare, goal)
    yield Row(f"roller with a backlog, up to {at[3:]}", backlog, "rows/s", None, None, goal)


def _roll(roller: Roller) -> None:
    done = 0
    while rolled := roller.roll_rows(SHARE):
        done += rolled
        if done % BATCH == 0:
            roller.roll_tops(BATCH)


def _write_segment(folder: Path, fresh: Sequence[Visit]) -> None:
    folder.mkdir()
    with (folder / "1.seg").open("wb") as file:
        for each in fresh:
            record = visit.encode(each)
            file.write(FRAME.pack(len(record), zlib.crc32(record)) + record)


def _bare_insert(store: Path, bare: Path, fresh: Sequence[Visit]) -> float:
    """Return the seconds of inserting the same rows into the clustered table alone."""
    with closing(open_writer(bare)) as db:
        db.execute("attach ? as full", (str(store),))
        db.execute("insert into visit select * from full.visit")
        db.execute("detach full")
        rows = [(v.space, v.at, 0, v.who or -v.anon, 1, 1, 1, 1, 0) for v in fresh]
        return timed(lambda: _insert_by_share(db, rows))


def _insert_by_share(db: sqlite3.Connection, rows: Sequence[tuple[int, ...]]) -> None:
    places = ", ".join("?" * 9)
    for start in range(0, len(rows), SHARE):
        db.execute("begin immediate")
        db.executemany(
            f"insert or ignore into visit values ({places})",  # noqa: S608  # constants
            sorted(rows[start : start + SHARE]),
        )
        db.execute("commit")


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return sorted(times)[REPEATS // 2] * 1000
