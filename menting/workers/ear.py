"""Hears, over PostgreSQL's LISTEN, that another process rang the bell of accounts."""

import asyncio
import contextlib
from typing import Any

import structlog
from django.db import connection

from menting.accounts import bell

log = structlog.get_logger(__name__)

#: The keeper looks by itself each second meanwhile.
DEAF_SECONDS = 5.0
#: What Django's parameters hold for its own cursors alone.
_DJANGO = ("context", "cursor_factory", "server_side_binding", "prepare_threshold")


async def listen(stop: asyncio.Event) -> None:
    """Ring here whenever another process rings, until `stop`; nothing to do on SQLite."""
    if connection.vendor != "postgresql":
        return
    hearing = asyncio.create_task(_hear_always(), name="listen")
    try:
        await stop.wait()
    finally:
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing


async def _hear_always() -> None:
    import psycopg  # noqa: PLC0415  # an extra

    while True:
        try:
            await _hear()
        except psycopg.OperationalError as error:
            # The server is away: nothing is lost, accounts are looked at anyway.
            log.warning("other processes are not heard", error=type(error).__name__)
        await asyncio.sleep(DEAF_SECONDS)


async def _hear() -> None:
    import psycopg  # noqa: PLC0415  # an extra

    async with await psycopg.AsyncConnection.connect(**_address(), autocommit=True) as ear:
        await ear.execute(f"listen {bell.TOPIC}")
        bell.ring_here()  # somebody may have rung while nobody listened
        async for _ in ear.notifies():
            bell.ring_here()


def _address() -> dict[str, Any]:
    given = connection.get_connection_params()
    return {name: said for name, said in given.items() if name not in _DJANGO}
