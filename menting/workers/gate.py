"""Lets only so many sign in at a time, so that no host takes it for an attack."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from menting.channels.base import Starts

#: Sign-ins under way at a time, over all hosts: more would only wait for this process.
AT_ONCE = 64


class Gate:
    """One for a keeper; each host has a door of its own in it."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._doors: dict[tuple[str, str], _Door] = {}

    @contextlib.asynccontextmanager
    async def passed(self, channel: str, host: str, starts: Starts) -> AsyncIterator[None]:
        """Wait for a place; first at the host, so that a slow one holds no other up."""
        door = self._doors.get((channel, host))
        if door is None:
            door = self._doors[channel, host] = _Door(starts)
        async with door.places:
            await door.turn()
            async with self._all:
                yield


class _Door:
    """What one host allows."""

    def __init__(self, starts: Starts) -> None:
        self.places = asyncio.Semaphore(starts.at_once)
        self._gap = starts.gap
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until the gap after the sign-in before is over."""
        if self._gap:
            now = asyncio.get_running_loop().time()
            begins = max(now, self._next)
            self._next = begins + self._gap
            await asyncio.sleep(begins - now)
