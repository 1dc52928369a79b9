"""What the suite wants of a platform, and what keeps a session's secret and events."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from typing import ClassVar, Protocol

import pytest
from typing_extensions import override

from menting.channels.base import Account, Channel, Event, Peer, Session
from tests.servers.proxy import Held

PATIENCE_SECONDS = 15.0


class Human(Protocol):
    """A person on the platform, driven from its own side and not by the product."""

    @property
    def id(self) -> str:
        """Return the id by which the account's events name the person."""

    async def greet(self, account: Account, text: str) -> str:
        """Open a conversation with the account and write; return the place, a `Peer.id`."""

    async def write(self, place: str, text: str) -> object:
        """Write a text."""

    async def received(self, place: str, account: Account) -> list[str]:
        """Return what the platform holds of the account's messages there, in order."""


class AbleHuman(Human, Protocol):
    """A person who can also do what only some platforms know."""

    async def write_unreadable(self, place: str) -> object:
        """Send what the channel cannot show ("unreadable")."""

    async def rename(self, name: str) -> object:
        """Take a new name ("renames")."""

    async def leave(self, place: str) -> object:
        """Leave or block the account ("leaves")."""

    async def put_out(self, place: str, account: Account) -> object:
        """Let the account write there no more ("removal")."""


class Rig(Protocol):
    """A channel with its platform, real or a tested fake."""

    #: What the platform knows beyond the least; a test that needs more is not collected:
    #: names, tokens, history, unseen, retold, renames, leaves, unreadable, removal, keys,
    #: throttles, wall, twice.
    able: ClassVar[frozenset[str]]
    #: How many accounts the platform bears at once in a test.
    most: ClassVar[int]
    channel: Channel

    #: A conversation where the account may not write.
    nowhere: ClassVar[str]

    async def account(self, name: str = "Shop") -> Account:
        """Make an account with that name."""

    async def human(self) -> Human:
        """Make a person."""

    def wrong(self, account: Account) -> Account:
        """Return the account with a secret that has "wrong" in it."""

    async def lose(self) -> None:
        """Let the platform be away: what is open is closed, nothing new is taken."""

    async def bring_back(self) -> None:
        """Let it be there again, at the same address."""

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Let the channel wait a second at most for an answer to a send."""

    def hold_request(self) -> Held:
        """Keep the next send from the platform until it is released."""

    def hold_answer(self) -> Held:
        """Let the platform take the next send, and keep its answer."""

    def spoil_events(self) -> None:
        """Put events without form before those that come from now on."""

    def cut_answer(self) -> None:
        """Let the platform take the next send, and break its answer off."""


class AbleRig(Rig, Protocol):
    """A rig with what only some platforms know."""

    @override
    async def human(self) -> AbleHuman:
        """Make a person who can do what is in `able`."""

    async def expire(self, secret: Mapping[str, str]) -> None:
        """Let the platform forget the token in a kept secret ("tokens")."""

    def without_password(self, secret: Mapping[str, str]) -> dict[str, str]:
        """Return what of a kept secret the platform handed out itself ("tokens")."""

    def throttle(self, seconds: float) -> None:
        """Answer the next send with a wish to wait ("throttles")."""

    def garble(self) -> None:
        """Let the next thing that the listener hears be no answer at all ("retold")."""

    def tell_twice(self) -> None:
        """Tell every event twice from now on ("twice")."""

    async def walled(self) -> tuple[Account, str]:
        """Make an account with a wall of its own, and the wall's address ("wall")."""

    async def on_wall(self, account: Account, wall: str) -> list[str]:
        """Return what stands on a wall, seen by anybody, oldest first ("wall")."""


class Vault:
    """Keeps the last secret, as the accounts' vault does."""

    def __init__(self) -> None:
        self.kept: list[Mapping[str, str]] = []

    async def keep(self, secret: Mapping[str, str]) -> None:
        """Keep a changed secret."""
        self.kept.append(dict(secret))

    def latest(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return what was given, overlaid by what the platform handed out."""
        return {**given, **(self.kept[-1] if self.kept else {})}


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

    async def first_place(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the session has a place to go on from."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: bool(self.resume))


async def reopened(channel: Channel, account: Account, vault: Vault) -> Session:
    """Sign in anew with what was kept, as the keeper does after each end of a session."""
    kept = dataclasses.replace(account, secret=vault.latest(account.secret))
    return await channel.open(kept, vault.keep)


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
