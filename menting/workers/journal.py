"""Writes what many sessions have to say in common transactions, one fdatasync for all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import OperationalError

from menting.accounts import state
from menting.accounts.state import Write
from menting.workers import bridge

#: Waited for others that write as well: a transaction costs as much as 50 entries.
GATHER_SECONDS = 0.03
#: Entries in one transaction; keeps the write lock below some 50 ms.
MOST = 500


@dataclass(slots=True)
class _Entry:
    writes: Sequence[Write]
    done: "asyncio.Future[None]" = field(repr=False)


class Journal:
    """The states, resume tokens and renewed secrets of one keeper's accounts."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._waiting: list[_Entry] = []
        self._more = asyncio.Event()

    async def write(self, *writes: Write) -> None:
        """Return once all of `writes` are committed; raise what the database raised."""
        entry = _Entry(writes, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._more.set()
        await entry.done

    async def run(self) -> None:
        """Commit what came in while the last commit ran, until cancelled."""
        while True:
            await self._more.wait()
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._more.clear()
            await self._commit(batch)

    async def _commit(self, batch: list[_Entry]) -> None:
        writes = [one for entry in batch for one in entry.writes]
        try:
            await bridge.whole(state.write, self._me, writes)
        except Exception as error:  # each entry's owner gets it
            await self._divide(batch, error)
        else:
            for entry in batch:
                if not entry.done.done():
                    entry.done.set_result(None)

    async def _divide(self, batch: list[_Entry], error: Exception) -> None:
        """Write one by one, so that one account's bad entry is not that of the others."""
        if len(batch) > 1 and not isinstance(error, OperationalError):
            for entry in batch:
                await self._commit([entry])
            return
        for entry in batch:
            if not entry.done.done():
                entry.done.set_exception(error)
