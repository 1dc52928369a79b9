"""The one way from async code to the domain: a few threads that keep their connections."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

#: SQLite has one writer; more threads would only wait for it (and for the interpreter).
THREADS = 4
#: A transaction that PostgreSQL undid for another's sake is tried so often again.
MOST_UNDONE = 3
_UNDONE = ("40001", "40P01")


class _Pool:
    """The threads and the connections that they opened."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bridge")
        self._opened: set[BaseDatabaseWrapper] = set()

    def submit(self, work: Callable[[], R]) -> asyncio.Future[R]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._around, work)

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        # In a thread of its own, since Django refuses it where an event loop runs.
        closing = threading.Thread(target=self._close_connections)
        closing.start()
        closing.join()

    def _close_connections(self) -> None:
        for connection in self._opened:
            # Django lets only the thread that opened it close it; that thread is gone.
            connection.inc_thread_sharing()
            connection.close()
            connection.dec_thread_sharing()

    def _around(self, work: Callable[[], R]) -> R:
        self._drop_broken()
        try:
            return work()
        finally:
            self._drop_broken()

    def _drop_broken(self) -> None:
        """Close what failed, and keep the rest.

        `close_old_connections` would close all: with SQLite the last one to close writes
        the whole WAL back, which at each call costs more than the call.
        """
        for connection in connections.all(initialized_only=True):
            self._opened.add(connection)
            if not connection.in_atomic_block:
                connection.close_at = None
                connection.close_if_unusable_or_obsolete()


_pools: list[_Pool] = []


async def call(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a domain function in a thread and return its result, or raise what it raised.

    A caller that is cancelled stops waiting; the function still ends its transaction.
    """
    if not _pools:
        _pools.append(_Pool())
    context = contextvars.copy_context()
    return await _pools[0].submit(
        functools.partial(context.run, functools.partial(work, *args, **kwargs))
    )


async def whole(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Do `call` for a function that is one transaction: again where PostgreSQL undid it.

    It does so to end a deadlock (40P01) or where two cannot both be right (40001).
    """
    for _ in range(MOST_UNDONE):
        try:
            return await call(work, *args, **kwargs)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _UNDONE:
                raise
            log.info("a transaction was undone and is tried again")
    return await call(work, *args, **kwargs)


def close() -> None:
    """Wait for what runs and close the threads' connections; a later call opens anew."""
    while _pools:
        _pools.pop().close()
