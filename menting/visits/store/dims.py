"""Texts as small integers, each kind numbered for itself, with a cap against floods."""

import sqlite3

from menting.visits.store.base import OTHER, Dim

#: New paths, and new referrers, that one space may bring in one year; then "(other)".
#: A site of 10,000 posts stays below; a flood of random paths does not fill the disk.
TEXTS_A_YEAR = 20_000
#: Families come from patterns over what the caller sends, so they are capped as well.
FAMILIES = 2_000
AGENTS = 20_000
#: Texts kept in memory; beyond it all are forgotten and looked up again.
_MEMORY = 200_000

_BY_YEAR = (Dim.PATH, Dim.REFERRER)


class Dims:
    """Numbers of texts, within the caller's transaction.

    After a rollback `forget` must be called: numbers given in it were never kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._numbers: dict[Dim, dict[str, int]] = {}
        self._agents: dict[tuple[str, str, str], int] = {}
        self.forget()

    def forget(self) -> None:
        """Drop what is remembered."""
        self._numbers = {dim: {"": 0} for dim in Dim}
        self._agents = {}

    def number(self, dim: Dim, text: str, *, space: int, year: int) -> int:
        """Return the number of `text`, giving one if it is new and the cap allows."""
        known = self._numbers[dim]
        found = known.get(text)
        if found is None:
            if len(known) > _MEMORY:
                self.forget()
                known = self._numbers[dim]
            found = known[text] = self._look_up(dim, text, space, year)
        return found

    def agent(self, device: str, browser: str, system: str) -> int:
        """Return the number of a device, browser and system together; 0 for unknown."""
        key = (device, browser, system)
        found = self._agents.get(key)
        if found is None:
            found = self._agents[key] = self._look_up_agent(key) if any(key) else 0
        return found

    def agents(self) -> dict[int, tuple[int, int, int]]:
        """Return device, browser and system of every agent's number."""
        found = {0: (0, 0, 0)}
        for number, *families in self._db.execute(
            "select id, device, browser, os from agent"
        ):
            found[number] = (families[0], families[1], families[2])
        return found

    def _look_up(self, dim: Dim, text: str, space: int, year: int) -> int:
        found = self._stored(dim, text)
        if found is None and text != OTHER and not self._is_within_cap(dim, space, year):
            found = self.number(dim, OTHER, space=space, year=year)
        return self._give(dim, text) if found is None else found

    def _stored(self, dim: Dim, text: str) -> int | None:
        row = self._db.execute(
            "select id from dim where kind = ? and text = ?", (dim, text)
        ).fetchone()
        return row[0] if row else None

    def _give(self, dim: Dim, text: str) -> int:
        (number,) = self._db.execute(
            "insert into dim (kind, id, text) select ?1, "
            "coalesce(max(id), 0) + 1, ?2 from dim where kind = ?1 returning id",
            (dim, text),
        ).fetchone()
        return int(number)

    def _is_within_cap(self, dim: Dim, space: int, year: int) -> bool:
        if dim not in _BY_YEAR:
            space, year = 0, 0
        (n,) = self._db.execute(
            "insert into fresh (space, year, kind, n) values (?, ?, ?, 1) "
            "on conflict do update set n = n + 1 returning n",
            (space, year, dim),
        ).fetchone()
        return bool(n <= (TEXTS_A_YEAR if dim in _BY_YEAR else FAMILIES))

    def _look_up_agent(self, key: tuple[str, str, str]) -> int:
        parts = tuple(
            self.number(dim, text, space=0, year=0)
            for dim, text in zip((Dim.DEVICE, Dim.BROWSER, Dim.OS), key, strict=True)
        )
        row = self._db.execute(
            "select id from agent where device = ? and browser = ? and os = ?", parts
        ).fetchone()
        if row:
            return int(row[0])
        if self._db.execute("select count(*) from agent").fetchone()[0] >= AGENTS:
            return 0
        (number,) = self._db.execute(
            "insert into agent (device, browser, os) values (?, ?, ?) returning id", parts
        ).fetchone()
        return int(number)
