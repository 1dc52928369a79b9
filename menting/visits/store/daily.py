"""Tells who comes for the first time on a day, so that daily visitors can be summed."""

import sqlite3
from collections import Counter
from collections.abc import Iterable

from menting.visits.store.base import ALL_SPACES
from menting.visits.store.tally import Numbered

#: Days for which it is known who was counted; zones are up to 26 hours apart.
DAYS_KEPT = 3


class Daily:
    """The visitors of the last days, in memory and in the table `daily`.

    `forget` after a rollback: it is read again from what was kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._seen: dict[int, set[tuple[int, int]]] | None = None
        self._newest = 0

    def forget(self) -> None:
        """Drop what is remembered."""
        self._seen = None

    def count(self, rows: Iterable[Numbered]) -> Counter[tuple[int, int]]:
        """Return by (space, day) how many of `rows` are their visitor's first of the day.

        Within the caller's transaction. Visits without any id are nobody's.
        """
        seen = self._load()
        counts: Counter[tuple[int, int]] = Counter()
        fresh: list[tuple[int, int, int]] = []
        for row in rows:
            if not row.visitor:
                continue
            of_day = seen.setdefault(row.day, set())
            key = (row.space, row.visitor)
            if key not in of_day:
                of_day.add(key)
                fresh.append((row.day, *key))
                counts[row.space, row.day] += 1
                counts[ALL_SPACES, row.house_day] += 1
        self._keep(fresh)
        return counts

    def _load(self) -> dict[int, set[tuple[int, int]]]:
        if self._seen is None:
            self._seen = {}
            for day, space, visitor in self._db.execute("select day, space, id from daily"):
                self._seen.setdefault(day, set()).add((space, visitor))
            self._newest = max(self._seen, default=0)
        return self._seen

    def _keep(self, fresh: list[tuple[int, int, int]]) -> None:
        if not fresh:
            return
        newest = max(self._newest, max(fresh)[0])
        oldest = newest - DAYS_KEPT + 1
        self._db.executemany(
            "insert into daily (day, space, id) values (?, ?, ?)",
            sorted(row for row in fresh if row[0] >= oldest),
        )
        seen = self._load()
        for day in [day for day in seen if day < oldest]:
            del seen[day]
        if newest > self._newest:
            self._db.execute("delete from daily where day < ?", (oldest,))
            self._newest = newest
