"""Opening the embedded store: settings of SQLite, the schema and its version."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from menting.visits.store.base import NewerStoreError

SCHEMA_VERSION = 1
#: 64 MB; 256 MB gave nothing on 20 M visits.
CACHE_KIB = 65_536
#: Another process (an import beside the program) is waited for this long.
BUSY_SECONDS = 30.0
#: The log may grow to 390 MB before a writer must help; a thread of its own comes first.
AUTOCHECKPOINT_PAGES = 100_000

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the store for writing, making it if it is missing.

    Raises NewerStoreError when a newer program wrote it.
    """
    connection = _connect(path)
    for pragma in (
        # Before the first table, or old copies of rows stay in free pages.
        "secure_delete = on",
        "journal_mode = wal",
        # The spool is unlinked after the commit, so the commit must be on the disk.
        "synchronous = full",
        f"cache_size = -{CACHE_KIB}",
        f"wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}",
    ):
        connection.execute(f"pragma {pragma}").fetchall()
    try:
        _bring_up_to_date(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open an existing store for reading only; usable from any one thread at a time."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
    )
    connection.execute(f"pragma cache_size = -{CACHE_KIB}")
    return connection


def checkpoint(path: Path) -> None:
    """Move the log into the store and empty it, on a connection of its own.

    Most is moved without stopping writers; only the rest, and the cut, make them wait.
    """
    connection = _connect(path)
    try:
        connection.execute("pragma wal_checkpoint(passive)").fetchall()
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    finally:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock for all or nothing."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # SQLite has rolled back by itself after some failures, as a full disk.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
    )


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION:
        return  # the usual start needs no lock
    with transaction(connection):
        version = connection.execute("pragma user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise NewerStoreError(
                f"{path} was written by a newer Menting (schema {version}, "
                f"this one knows {SCHEMA_VERSION}): use that one"
            )
        if version == 0:
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
            connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Yield each statement: executescript would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
