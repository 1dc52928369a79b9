"""What the suite needs of a channel's platform: accounts, people, and ways to fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from menting.channels.base import Account, Channel, Event, Peer, Session

PATIENCE_SECONDS = 15.0


class Human(Protocol):
    """A person on the platform, who acts without the channel's code."""

    id: str

    async def greet(self, account: Account, text: str) -> str:
        """Open a conversation with the account, write, and return the conversation."""

    async def write(self, place: str, text: str) -> str:
        """Write a text and return the platform's id of it."""

    async def write_unreadable(self, place: str) -> None:
        """Write something that the channel cannot read."""

    async def rename(self, name: str) -> None:
        """Take another name."""

    async def put_out(self, place: str, account: Account) -> None:
        """Remove the account from the conversation, or block it."""

    async def received(self, place: str, account: Account) -> list[str]:
        """Return what the platform says that the account wrote there."""


class Rig(Protocol):
    """A channel with its platform, and a proxy between them."""

    channel: Channel
    #: Addresses of requests that send a text, that listen, and that answer with events.
    send_part: str
    listen_part: str

    async def account(self, name: str = "") -> Account:
        """Return a new account that can sign in through the proxy."""

    async def human(self) -> Human:
        """Return a new person."""

    async def expire(self, secret: Mapping[str, str]) -> None:
        """Make the platform forget the sign-in behind a kept secret."""

    async def lose(self) -> None:
        """Take the platform away."""

    async def bring_back(self) -> None:
        """Bring the platform back."""


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
