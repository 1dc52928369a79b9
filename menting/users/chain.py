"""One transaction at a time adds to a chain of hashes, so that it never forks."""

import zlib

from django.db import connection


def hold(name: str) -> None:
    """Wait until the chain is ours, to the end of this transaction.

    SQLite has one writer anyway. On PostgreSQL two transactions would read the same last
    entry, and ids would not follow the order of commits.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [zlib.crc32(name.encode())])
