"""Wakes the keeper in this process, a second before it would look by itself."""

from collections.abc import Callable

from django.db import transaction

#: Keepers that run in this process, by what wakes them from any thread.
_hearers: set[Callable[[], object]] = set()


def hear(wake: Callable[[], object]) -> Callable[[], None]:
    """Call `wake`, from whatever thread rings, until the returned function is called."""
    _hearers.add(wake)
    return lambda: _hearers.discard(wake)


def ring() -> None:
    """Wake the keepers once the caller's transaction is committed."""
    transaction.on_commit(_ring)


def _ring() -> None:
    for wake in tuple(_hearers):
        wake()
