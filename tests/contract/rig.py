"""What keeps a session's secret and its events in the suite, as the program would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from menting.channels.base import Event, Peer, Session

PATIENCE_SECONDS = 15.0


class Vault:
    """Keeps the last secret, as the accounts' vault does."""

    def __init__(self) -> None:
        self.kept: list[Mapping[str, str]] = []

    async def keep(self, secret: Mapping[str, str]) -> None:
        """Keep a changed secret."""
        self.kept.append(dict(secret))


class Heard:
    """Stores events with their resume token, as the people's inbox does."""

    def __init__(self, resume: bytes = b"") -> None:
        self.events: list[Event] = []
        self.resume = resume
        self._changed = asyncio.Condition()

    async def deliver(self, events: list[Event], resume: bytes) -> None:
        """Store a batch."""
        async with self._changed:
            self.events += events
            self.resume = resume
            self._changed.notify_all()

    async def until(self, happened: Callable[[list[Event]], bool]) -> list[Event]:
        """Wait until the events are such, and return them."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: happened(self.events))
        return self.events

    async def texts(self, count: int) -> list[str]:
        """Wait for so many different messages, and return their texts."""
        events = await self.until(lambda now: len(_messages(now)) >= count)
        return list(_messages(events).values())

    async def first_place(self) -> None:
        """Wait until the session has a place to go on from."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: bool(self.resume))


def _messages(events: list[Event]) -> dict[str, str]:
    return {event.id: event.text for event in events if event.type == "message"}


@contextlib.asynccontextmanager
async def listening(session: Session, resume: bytes = b"") -> AsyncIterator[Heard]:
    """Listen within the block, as the keeper does."""
    heard = Heard(resume)
    task = asyncio.create_task(session.listen(heard.deliver, resume), name="listen")
    try:
        await heard.first_place()
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await session.close()


def at(place: str) -> Peer:
    """Return the conversation as a peer."""
    return Peer(place)
