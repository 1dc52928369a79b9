"""Taking back: one visitor's name from all visits, or one import with its counts.

Both go in slices, each a transaction of its own, so that the roller waits a tenth of a
second and no more (66 us a row on random pages), and a stop in the middle is gone on with.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from menting.visits.daily import Days
from menting.visits.store import tally
from menting.visits.store.base import ALL_SPACES, UnknownImportError
from menting.visits.store.connection import checkpoint, open_writer, transaction
from menting.visits.store.dims import Dims
from menting.visits.store.tally import Numbered

SLICE_ROWS = 2000


def erase(path: Path, *, who: int, space: int | None = None) -> int:
    """Make one visitor nameless in all spaces, or in one; return how many visits it were.

    The visits and all counts stay: they hold no identity. What the spool still holds of
    the visitor comes in nameless, if all spaces are meant.
    """
    if who <= 0:
        return 0
    connection = open_writer(path)
    try:
        done = _erase(connection, who, space)
    finally:
        connection.close()
    checkpoint(path)
    return done


def undo(path: Path, *, import_id: int) -> int:
    """Take back an import: rows and every count of them; return how many rows it were.

    Named and live visits of the same days stay. Raises UnknownImportError.
    """
    connection = open_writer(path)
    try:
        done = _undo(connection, import_id)
    finally:
        connection.close()
    checkpoint(path)
    return done


def _erase(db: sqlite3.Connection, who: int, space: int | None) -> int:
    with transaction(db):
        if space is None:
            db.execute("insert or ignore into gone (who) values (?)", (who,))
        db.execute(
            "delete from daily where id = ?1 and (?2 is null or space = ?2)", (who, space)
        )
    spaces = [
        each
        for (each,) in db.execute(
            "select space from face where who = ?1 and (?2 is null or space = ?2)",
            (who, space),
        ).fetchall()
    ]
    return sum(_erase_in(db, who, each) for each in spaces)


def _erase_in(db: sqlite3.Connection, who: int, space: int) -> int:
    done = 0
    while True:
        with transaction(db):
            rows = db.execute(
                "select space, at, n from named where space = ? and who = ? limit ?",
                (space, who, SLICE_ROWS),
            ).fetchall()
            if not rows:
                db.execute("delete from face where space = ? and who = ?", (space, who))
                return done
            db.executemany(
                "update visit set visitor = 0 where space = ? and at = ? and n = ?", rows
            )
            db.executemany(
                "delete from named where space = ? and who = ? and at = ? and n = ?",
                [(of, who, at, n) for of, at, n in rows],
            )
        done += len(rows)


def _undo(db: sqlite3.Connection, import_id: int) -> int:
    with transaction(db):
        found = db.execute(
            "update import set state = 'undoing' where id = ? and state <> 'undone' "
            "returning space, zone, house_zone, first, last",
            (import_id,),
        ).fetchone()
    if found is None:
        raise UnknownImportError(f"there is no import {import_id} to take back")
    space, zone, house_zone, first, last = found
    zones = ZoneInfo(zone), ZoneInfo(house_zone)
    done, at = 0, first
    while at is not None:
        with transaction(db):
            rows = db.execute(
                "select at, n, visitor, path, referrer, country, agent from visit "
                "where space = ? and at >= ? and at <= ? and origin = ? "
                "order by at, n limit ?",
                (space, at, last, import_id, SLICE_ROWS),
            ).fetchall()
            _take_back(db, space, rows, zones)
        done += len(rows)
        at = rows[-1][0] if len(rows) == SLICE_ROWS else None
    _finish(db, import_id, space)
    return done


def _take_back(
    db: sqlite3.Connection,
    space: int,
    rows: Sequence[tuple[int, ...]],
    zones: tuple[ZoneInfo, ZoneInfo],
) -> None:
    days = Days()
    numbered = [
        Numbered(
            space,
            at,
            days.day(at, zone=zones[0]),
            days.day(at, zone=zones[1]),
            *rest,
        )
        for at, _, *rest in rows
    ]
    db.executemany(
        "delete from visit where space = ? and at = ? and n = ?",
        [(space, row[0], row[1]) for row in rows],
    )
    by_day = tally.days(numbered, Counter())
    _subtract(db, "by_day", ("space", "day"), [(*row[:2], row[2]) for row in by_day])
    months = tally.months(by_day)
    _subtract(db, "by_month", ("space", "month"), [(*row[:2], row[2]) for row in months])
    _subtract(db, "day_country", ("country", "day"), tally.countries(numbered))
    tops = tally.tops(numbered, Dims(db).agents())
    _subtract(db, "top", ("bucket", "value"), tops)


def _subtract(
    db: sqlite3.Connection,
    table: str,
    key: tuple[str, ...],
    counts: Sequence[tuple[int, ...]],
) -> None:
    where = " and ".join(f"{column} = ?" for column in key)
    db.executemany(
        f"update {table} set n = n - ? where {where}",  # noqa: S608  # constants
        [(row[-1], *row[:-1]) for row in counts],
    )


def _finish(db: sqlite3.Connection, import_id: int, space: int) -> None:
    """Take back the daily visitors, and drop the counts that came to nothing."""
    with transaction(db):
        days = db.execute(
            "select space, day, visitors from import_day where import = ?", (import_id,)
        ).fetchall()
        for table, unit in (("by_day", "day"), ("by_month", "month")):
            db.executemany(
                f"update {table} set visitors = visitors - ? "  # noqa: S608  # constants
                f"where space = ? and {unit} = ?",
                [
                    (n, of, day if unit == "day" else tally.month_of(day))
                    for of, day, n in days
                ],
            )
        db.execute("delete from import_day where import = ?", (import_id,))
        db.execute("delete from day_country where n = 0")
        for each in (ALL_SPACES, space):
            db.execute("delete from by_day where space = ? and n = 0", (each,))
            db.execute("delete from by_month where space = ? and n = 0", (each,))
            db.execute(
                "delete from top where bucket between ? and ? and n = 0",
                tally.buckets(each),
            )
        db.execute("update import set state = 'undone' where id = ?", (import_id,))
