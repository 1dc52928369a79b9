"""The same accounts as an operator has them: imported, then kept live by the keeper."""

import asyncio
import csv
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from django.core.management import call_command

from bench.matrix_used import tell
from menting.accounts import roster, signin, state
from menting.accounts.models import Account
from menting.base import collector, config
from menting.base.folder import Folder
from menting.users import guard
from menting.workers import bridge
from menting.workers.keeper import Keeper

PATIENCE_SECONDS = 300.0


def main() -> None:
    """Import what the first line of stdin names, then measure what the rest asks."""
    _import(json.loads(sys.stdin.readline()))
    collector.spare()  # as `menting run` does
    tell(kept)


@asynccontextmanager
async def kept(asked: dict[str, Any]) -> AsyncIterator[dict[str, float]]:
    """Keep all accounts online within the block."""
    took = _timed_writes()
    keeper, stop = Keeper("bench:1:bench"), asyncio.Event()
    running = asyncio.create_task(keeper.run(stop))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await _all_online(keeper, len(asked["logins"]))
    yield {"lock": max(took), "writes": float(len(took))}
    # A session that broke on the way would have cost nothing: the figure would be a lie.
    assert len(keeper.sessions) == len(asked["logins"])
    stop.set()
    await running
    bridge.close()


async def _all_online(keeper: Keeper, wanted: int) -> None:
    # The state file has no event to wait for.
    while len(keeper.sessions) < wanted or await bridge.call(_unplaced):  # noqa: ASYNC110
        await asyncio.sleep(0.25)


def _timed_writes() -> list[float]:
    """Note how long each of the journal's transactions takes, its wait included."""
    took: list[float] = []
    write = state.write

    def _timed(me: str, writes: Sequence[state.Write]) -> None:
        began = time.perf_counter()
        write(me, writes)
        took.append(time.perf_counter() - began)

    state.write = _timed
    return took


def _unplaced() -> bool:
    return Account.objects.filter(resume=b"").exists()


def _import(asked: dict[str, Any]) -> None:
    folder = Folder(config.current().data)
    folder.prepare()
    call_command("migrate", verbosity=0)
    path = folder.root / "roster.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["channel", "handle", "name", "homeserver", "password"])
        for handle, password in asked["logins"]:
            rows.writerow(["matrix", handle, "Shop", asked["url"], password])
    roster.store(guard.at_shell(), roster.read(path))
    signin.want_online(guard.at_shell())
