"""Wakes the keepers, a second before they would look by themselves.

In this process by a call; in others, where the state is in PostgreSQL, by its NOTIFY, which
`workers/ear.py` hears.
"""

from collections.abc import Callable

from django.db import connection, transaction

#: What PostgreSQL's LISTEN and NOTIFY call it.
TOPIC = "menting_accounts"

#: Keepers that run in this process, by what wakes them from any thread.
_hearers: set[Callable[[], object]] = set()


def hear(wake: Callable[[], object]) -> Callable[[], None]:
    """Call `wake`, from whatever thread rings, until the returned function is called."""
    _hearers.add(wake)
    return lambda: _hearers.discard(wake)


def ring() -> None:
    """Wake the keepers, here and in other processes, once the transaction is committed."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"notify {TOPIC}")
    transaction.on_commit(ring_here)


def ring_here() -> None:
    """Wake the keepers of this process now."""
    for wake in tuple(_hearers):
        wake()
