"""One at a time over all processes that share a PostgreSQL; SQLite's have one of a role."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

#: Before our numbers, so that another program in the same database has other locks.
_OURS = 0x6D656E74  # "ment"


@contextmanager
def tried(name: str) -> Iterator[bool]:
    """Say whether the turn is ours, and hold it; False while another process has it."""
    if connection.vendor != "postgresql":
        yield True
        return
    got = bool(_ask("select pg_try_advisory_lock(%s, %s)", name))
    try:
        yield got
    finally:
        if got:
            _ask("select pg_advisory_unlock(%s, %s)", name)


@contextmanager
def awaited(name: str) -> Iterator[None]:
    """Wait for the turn, and hold it."""
    if connection.vendor != "postgresql":
        yield
        return
    # Without the timeout of ordinary locks: a migration of a large table takes its time.
    _ask("select set_config('lock_timeout', '0', false), pg_advisory_lock(%s, %s)", name)
    try:
        yield
    finally:
        _ask("select pg_advisory_unlock(%s, %s)", name)


def _ask(question: str, name: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(question, [_OURS, _number(name)])
        return cursor.fetchone()[0]


def _number(name: str) -> int:
    """Return a name as PostgreSQL wants it, a signed integer of 32 bits."""
    return zlib.crc32(name.encode()) - (1 << 31)
