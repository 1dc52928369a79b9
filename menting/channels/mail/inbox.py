"""Listen to one mailbox: read what is new, and wait for more without a thread."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from menting.base import clock
from menting.channels import base
from menting.channels.mail import events, place
from menting.channels.mail.mailbox import Login, Mailbox
from menting.channels.mail.place import Place
from menting.channels.mail.pool import Pool

P = ParamSpec("P")
T = TypeVar("T")

#: Routers forget a silent connection, some after 10 minutes; RFC 2177 allows 29.
IDLE_SECONDS = 9 * 60.0
#: Between two looks at a server without IDLE.
POLL_SECONDS = 60.0
#: Mails fetched at once, of up to 128 KiB each.
CHUNK = 20
#: Subjects and names remembered by an account, for answers that are sent soon.
MOST_REMEMBERED = 100


class Inbox:
    """What is read of one account's mailbox."""

    def __init__(self, login: Login, pool: Pool, *, handle: str) -> None:
        self._login, self._pool, self._handle = login, pool, handle
        self._mailbox = Mailbox(login)
        self._subjects: OrderedDict[str, str] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()

    async def sign_in(self) -> None:
        """Connect anew. Raises AuthFailed, Throttled and Unreachable."""
        await self.close()
        self._mailbox = Mailbox(self._login)
        await self._run(self._mailbox.sign_in)

    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        """Deliver what comes until cancelled. Raises Unreachable, and as `sign_in` does."""
        if not self._mailbox.is_open:
            await self.sign_in()
        try:
            at = await self._run(place.find, self._mailbox, resume)
            if not resume:
                await deliver([], place.token(at))
            while True:
                at = await self._catch_up(at, deliver)
                await self._wait()
        finally:
            self._mailbox.interrupt()  # it may be in the middle of anything

    def subject(self, event_id: str) -> str:
        """Return the subject of a mail that came lately, else an empty text."""
        return self._subjects.get(event_id, "")

    def name(self, person: str) -> str | None:
        """Return by what name a person wrote lately."""
        return self._names.get(person)

    async def close(self) -> None:
        """Close the connection; what waits for it fails."""
        self._mailbox.interrupt()
        if self._mailbox.is_connected:
            await self._run(self._mailbox.close)

    async def _catch_up(self, at: Place, deliver: base.Deliver) -> Place:
        """Read until nothing is new and the server told of nothing meanwhile."""
        while True:
            new = await self._run(self._mailbox.after, at.uid)
            for first in range(0, len(new), CHUNK):
                uids = new[first : first + CHUNK]
                told = await self._run(self._read, uids)
                at = Place(at.validity, uids[-1], int(clock.now().timestamp()))
                await deliver(told, place.token(at))
            if not new and not self._mailbox.was_told():
                return at

    def _read(self, uids: Sequence[int]) -> list[base.Event]:
        """Fetch and parse, in a thread: MIME of 128 KiB takes milliseconds."""
        told = [events.of(raw, self._handle) for raw in self._mailbox.fetch(uids)]
        for one in told:
            for event in one.events:
                _remember(self._subjects, event.id, one.subject)
                _remember(self._names, event.sender.id, event.sender.name)
        return [event for one in told for event in one.events]

    async def _wait(self) -> None:
        if not self._mailbox.can_idle:
            await asyncio.sleep(POLL_SECONDS)
            return
        if not await self._run(self._mailbox.begin_idle):
            await _readable(self._mailbox.fileno(), IDLE_SECONDS)
        await self._run(self._mailbox.end_idle)

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._pool.run(self._login.server.host, call, *args, **kwargs)


async def _readable(descriptor: int, seconds: float) -> None:
    """Wait until the server says something, what it may be, or until the time is over."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_reader(descriptor, heard.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await heard.wait()
    finally:
        loop.remove_reader(descriptor)


def _remember(memory: OrderedDict[str, str], key: str, value: str | None) -> None:
    if value:
        memory[key] = value
        memory.move_to_end(key)
        while len(memory) > MOST_REMEMBERED:
            memory.popitem(last=False)
