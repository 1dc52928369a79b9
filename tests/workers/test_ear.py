"""Another process's bell is heard over PostgreSQL, and its turn is one at a time."""

import asyncio
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from menting.accounts import bell
from menting.workers import bridge, ear, turns

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="PostgreSQL alone: --db postgres"
    ),
]


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


def _ring() -> None:
    """Ring as another process does: what is called here on commit is forgotten."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"notify {bell.TOPIC}")


async def test_a_ring_of_another_process_wakes_within_a_moment() -> None:
    rung, stop = asyncio.Event(), asyncio.Event()
    deaf = bell.hear(rung.set)
    listening = asyncio.create_task(ear.listen(stop))
    try:
        await asyncio.wait_for(rung.wait(), 10)  # once it listens
        rung.clear()
        await bridge.call(_ring)
        await asyncio.wait_for(rung.wait(), 0.5)
    finally:
        deaf()
        stop.set()
        await asyncio.wait_for(listening, 5)


async def test_a_chore_is_done_by_one_process_at_a_time() -> None:
    def _try() -> bool:
        with turns.tried("sweep") as is_ours:
            return is_ours

    async with asyncio.TaskGroup() as group:
        inside, leave = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def _hold() -> None:
            with turns.tried("sweep") as is_ours:
                assert is_ours
                loop.call_soon_threadsafe(inside.set)
                asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)

        group.create_task(bridge.call(_hold))
        await asyncio.wait_for(inside.wait(), 10)
        assert not await bridge.call(_try)
        leave.set()
    assert await bridge.call(_try)
