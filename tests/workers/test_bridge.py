"""The bridge: domain functions from async code, in few threads with lasting connections."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from menting.workers import bridge


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    bridge.close()


async def test_it_returns_what_the_function_returns_and_raises_what_it_raises() -> None:
    assert await bridge.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await bridge.call(divmod, 7, 0)


async def test_the_loop_goes_on_and_only_few_threads_work() -> None:
    names: set[str] = set()

    def work() -> None:
        names.add(threading.current_thread().name)
        time.sleep(0.02)

    began = time.monotonic()
    calls = asyncio.gather(*(bridge.call(work) for _ in range(8)))
    await asyncio.sleep(0)
    assert time.monotonic() - began < 0.02
    await calls
    assert len(names) == bridge.THREADS


@pytest.mark.django_db(transaction=True)
async def test_a_thread_keeps_its_connection_and_closing_lets_it_go() -> None:
    def which() -> int:
        connection.ensure_connection()
        return id(connection.connection)

    seen = {await bridge.call(which) for _ in range(12)}
    assert len(seen) <= bridge.THREADS
    bridge.close()
    assert await bridge.call(divmod, 4, 2) == (2, 0)


async def test_a_caller_that_leaves_does_not_stop_the_transaction() -> None:
    done = threading.Event()

    def work() -> None:
        time.sleep(0.05)
        done.set()

    caller = asyncio.create_task(bridge.call(work))
    await asyncio.sleep(0.01)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done.wait(1)


async def test_the_caller_s_context_goes_along() -> None:
    language = contextvars.ContextVar[str]("language")
    language.set("zh-hans")
    assert await bridge.call(language.get) == "zh-hans"
