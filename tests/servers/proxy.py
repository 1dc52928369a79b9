"""Stands between the program and a server, and spoils what it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from menting.cli.demo.homeserver import free_port

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass(slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Forward = Callable[[], Awaitable[Answer]]
#: Gets the request and a way to pass it on; returns what the program is answered, or
#: None when it has closed the connection itself.
Fault = Callable[[web.Request, Forward], Awaitable[Answer | None]]


class Held:
    """A request that stands still until it is let go."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._go_on = asyncio.Event()

    def release(self) -> None:
        """Let it go on."""
        self._go_on.set()

    async def stand(self) -> None:
        """Say that it is here, and wait."""
        self.arrived.set()
        await self._go_on.wait()


class Proxy:
    """Passes HTTP on to `target`; a fault is for requests whose path contains `part`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._faults: list[tuple[str, Fault, bool]] = []
        self._runner: web.AppRunner | None = None
        self._held: list[Held] = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        #: "METHOD path" of every request that came in.
        self.seen: list[str] = []
        self._news = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen within the block."""
        # Each account's long poll stands here as well.
        many = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=many, auto_decompress=False
        ) as self._http:
            await self.come_back()
            try:
                yield self
            finally:
                await self.go_away()

    async def come_back(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def go_away(self) -> None:
        """Close every connection and refuse new ones."""
        for held in self._held:
            held.release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def until_seen(self, part: str, times: int) -> None:
        """Wait until so many requests whose path contains `part` have come in."""
        async with self._news:
            await self._news.wait_for(
                lambda: sum(part in path for path in self.seen) >= times
            )

    def once(self, part: str, fault: Fault) -> None:
        """Spoil the next request whose path contains `part`."""
        self._faults.append((part, fault, True))

    def always(self, part: str, fault: Fault) -> None:
        """Spoil every request from now on whose path contains `part`."""
        self._faults.append((part, fault, False))

    def hold_request(self, part: str) -> Held:
        """Keep the next request from the server until it is released."""
        held = Held()

        async def _fault(_request: web.Request, forward: Forward) -> Answer:
            await held.stand()
            return await forward()

        return self._holding(part, _fault, held)

    def hold_answer(self, part: str) -> Held:
        """Let the server do it, and keep its answer from the program until released."""
        held = Held()

        async def _fault(_request: web.Request, forward: Forward) -> Answer:
            answer = await forward()
            await held.stand()
            return answer

        return self._holding(part, _fault, held)

    def _holding(self, part: str, fault: Fault, held: Held) -> Held:
        self._held.append(held)
        self.once(part, fault)
        return held

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.raw_path}")
        async with self._news:
            self._news.notify_all()
        body = await request.read()

        async def _forward() -> Answer:
            return await self._pass_on(request, body)

        fault = self._take(request.raw_path)
        answer = await (fault(request, _forward) if fault else _forward())
        if answer is None:
            return web.Response()  # nobody is there to read it
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    def _take(self, path: str) -> Fault | None:
        for given in self._faults:
            part, fault, is_once = given
            if part in path:
                if is_once:
                    self._faults.remove(given)
                return fault
        return None

    async def _pass_on(self, request: web.Request, body: bytes) -> Answer:
        async with self._http.request(
            request.method,
            URL(self._target + request.raw_path, encoded=True),
            data=body,
            headers=_end_to_end(request.headers.items()),
        ) as answer:
            return Answer(
                answer.status, await answer.read(), _end_to_end(answer.headers.items())
            )


def _end_to_end(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in HOP}


async def drop(request: web.Request, _forward: Forward) -> None:
    """Close the connection; the server never hears of the request."""
    _abort(request)


async def drop_answer(request: web.Request, forward: Forward) -> None:
    """Let the server do it, and close the connection instead of answering."""
    await forward()
    _abort(request)


async def cut_answer(request: web.Request, forward: Forward) -> None:
    """Let the server do it, and close the connection in the middle of the answer."""
    answer = await forward()
    half = web.StreamResponse(status=answer.status)
    half.content_length = len(answer.body)
    await half.prepare(request)
    await half.write(answer.body[: len(answer.body) // 2])
    _abort(request)


def answer_with(status: int, body: bytes, headers: dict[str, str] | None = None) -> Fault:
    """Answer without asking the server."""

    async def _fault(_request: web.Request, _forward: Forward) -> Answer:
        return Answer(status, body, {"Content-Type": "application/json", **(headers or {})})

    return _fault


def rewrite(change: Callable[[bytes], bytes]) -> Fault:
    """Change what the server answers."""

    async def _fault(_request: web.Request, forward: Forward) -> Answer:
        answer = await forward()
        return Answer(answer.status, change(answer.body), answer.headers)

    return _fault


def _abort(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
