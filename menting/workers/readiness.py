"""Reads what sessions need to start, for all that ask at the same time in one query."""

import asyncio

from menting.accounts import state
from menting.accounts.state import Locked, Ready
from menting.workers import bridge

#: Waited for others that pass the gate as well.
GATHER_SECONDS = 0.02


class Readiness:
    """One for a keeper; a plain secret is in its hands only while a session starts."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._ids: list[int] = []
        self._reading: asyncio.Task[dict[int, Ready | Locked]] | None = None

    async def of(self, account_id: int) -> Ready | None:
        """Return what the account's session needs; None when its lease was lost.

        Raises crypto.CannotOpenError, vault.KeyMissingError, and what the database raised.
        """
        self._ids.append(account_id)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="readiness")
        found = (await asyncio.shield(self._reading)).get(account_id)
        if isinstance(found, Exception):
            raise found
        return found

    async def _read(self) -> dict[int, Ready | Locked]:
        await asyncio.sleep(GATHER_SECONDS)
        ids, self._ids, self._reading = self._ids, [], None
        return await bridge.call(state.ready, self._me, ids)
