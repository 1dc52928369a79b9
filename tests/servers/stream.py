"""Stands between the program and a server that talks over TCP, and spoils the bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from menting.cli.demo.homeserver import free_port
from tests.servers.proxy import Held

CHUNK_BYTES = 2**16
#: Gets what the server says, and returns what the program hears.
Change = Callable[[bytes], bytes]


@dataclass(slots=True)
class Fault:
    """What happens when the program has written `marker`."""

    marker: bytes
    kind: str  # hold_request, hold_answer, cut, cut_answer
    held: Held = field(default_factory=Held)


@dataclass(slots=True, eq=False)
class Link:
    """One connection of the program and the one to the server that belongs to it."""

    program: asyncio.StreamWriter
    server: asyncio.StreamWriter
    #: The end of what the program wrote: a marker may come in two pieces.
    tail: bytes = b""
    #: Applies to what the server says next.
    fault: Fault | None = None

    def cut(self) -> None:
        """Break both off."""
        for side in (self.program, self.server):
            side.transport.abort()


class Stream:
    """Passes bytes on to a port of this machine; a fault is for one connection, once."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = free_port()
        #: How many connections came in.
        self.met = 0
        self._faults: list[Fault] = []
        self._held: list[Held] = []
        self._changes: list[tuple[Change, bool]] = []
        self._changes_up: list[Change] = []
        self._links: set[Link] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Stream"]:
        """Listen within the block."""
        await self.come_back()
        try:
            yield self
        finally:
            await self.go_away()

    async def come_back(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(
            self._meet, "127.0.0.1", self.port, backlog=1024
        )

    async def go_away(self) -> None:
        """Close every connection and refuse new ones; both sides have heard of it then."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for held in self._held:
            held.release()
        self.cut_all()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await asyncio.sleep(0.01)  # the program's own end hears in the loop's next turns

    def cut_all(self) -> None:
        """Break off every connection, and take new ones."""
        for link in list(self._links):
            link.cut()

    def hold_request(self, marker: bytes) -> Held:
        """Keep what contains `marker`, and all after it, from the server until released."""
        return self._plan(Fault(marker, "hold_request"))

    def hold_answer(self, marker: bytes) -> Held:
        """Pass it on, and keep all that the server then says until released."""
        return self._plan(Fault(marker, "hold_answer"))

    def cut(self, marker: bytes) -> None:
        """Break off instead of passing it on."""
        self._plan(Fault(marker, "cut"))

    def cut_answer(self, marker: bytes) -> None:
        """Pass it on, and break off in the middle of what the server says next."""
        self._plan(Fault(marker, "cut_answer"))

    def once(self, change: Change) -> None:
        """Change the next bytes that the server says to anybody."""
        self._changes.append((change, True))

    def always(self, change: Change) -> None:
        """Change all that the server says from now on."""
        self._changes.append((change, False))

    def always_up(self, change: Change) -> None:
        """Change all that the program says from now on."""
        self._changes_up.append(change)

    def _plan(self, fault: Fault) -> Held:
        self._faults.append(fault)
        self._held.append(fault.held)
        return fault.held

    async def _meet(
        self, reader: asyncio.StreamReader, program: asyncio.StreamWriter
    ) -> None:
        self.met += 1
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            program.transport.abort()
            return
        link = Link(program, server)
        self._links.add(link)
        for pump in (self._up(link, reader), self._down(link, answers)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _up(self, link: Link, reader: asyncio.StreamReader) -> None:
        with self._until_closed(link):
            while chunk := await reader.read(CHUNK_BYTES):
                fault = self._met(link, chunk)
                if fault is not None and fault.kind == "cut":
                    return
                if fault is not None and fault.kind == "hold_request":
                    await fault.held.stand()
                elif fault is not None:
                    link.fault = fault
                for change in self._changes_up:
                    chunk = change(chunk)
                link.server.write(chunk)
                await link.server.drain()

    async def _down(self, link: Link, reader: asyncio.StreamReader) -> None:
        with self._until_closed(link):
            while chunk := await reader.read(CHUNK_BYTES):
                fault = link.fault
                if fault is not None and fault.kind == "cut_answer":
                    link.program.write(chunk[: len(chunk) // 2])
                    await asyncio.sleep(0.01)  # an abort would throw the half away
                    return
                if fault is not None:
                    await fault.held.stand()
                    link.fault = None
                link.program.write(self._changed(chunk))
                await link.program.drain()

    @contextlib.contextmanager
    def _until_closed(self, link: Link) -> Iterator[None]:
        try:
            yield
        except OSError:
            pass  # one side broke off: so does the other
        finally:
            self._links.discard(link)
            link.cut()

    def _met(self, link: Link, chunk: bytes) -> Fault | None:
        said = link.tail + chunk
        for fault in self._faults:
            if fault.marker in said:
                self._faults.remove(fault)
                link.tail = b""
                return fault
        link.tail = said[-64:]
        return None

    def _changed(self, chunk: bytes) -> bytes:
        for given in list(self._changes):
            change, is_once = given
            chunk = change(chunk)
            if is_once:
                self._changes.remove(given)
        return chunk
