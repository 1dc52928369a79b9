"""Recognises a beacon that was sent twice, within a bounded memory."""

import asyncio
from collections import OrderedDict

#: Openings that are remembered; at 100 visits a second those of a quarter of an hour.
WINDOW = 100_000

_Key = tuple[int, int, str]


class Repeats:
    """The latest openings by space, day and the id that the page chose."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._known: OrderedDict[_Key, asyncio.Future[None]] = OrderedDict()

    def get(self, space: int, day: int, opening: str) -> asyncio.Future[None] | None:
        """Return the first beacon's future, so that a repeat waits for the same disk."""
        found = self._known.get((space, day, opening)) if opening else None
        return None if found is None or found.cancelled() else found

    def add(self, space: int, day: int, opening: str, future: asyncio.Future[None]) -> None:
        """Remember an opening."""
        if not opening:
            return
        self._known[space, day, opening] = future
        if len(self._known) > self._window:
            self._known.popitem(last=False)

    def remove(self, space: int, day: int, opening: str) -> None:
        """Forget an opening that was not kept: its repeat is the first."""
        self._known.pop((space, day, opening), None)
