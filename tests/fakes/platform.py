"""A fake platform's server on loopback, which can go away and come back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from menting.cli.demo.homeserver import free_port
from tests.fakes.faults import Faults


class FakePlatform:
    """Serves a fake's routes within `running`; `faults` spoils what it is asked."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._runner: web.AppRunner | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return what the platform answers."""
        raise NotImplementedError

    def refuses(self, error: Exception) -> web.Response | None:
        """Return the platform's answer to an error of its own, None for another's."""
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen within the block."""
        await self.come_back()
        try:
            yield self
        finally:
            await self.go_away()

    async def come_back(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application(
            client_max_size=2**24,
            middlewares=[self.faults.middleware(), self._errors()],
        )
        app.add_routes(self.routes())
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, reuse_address=True, backlog=1024
        )
        await site.start()

    async def go_away(self) -> None:
        """Close every connection and refuse new ones; what is known stays known."""
        self.faults.release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            # A client that writes before it has seen the end cannot prove anything.
            await asyncio.sleep(0.05)

    def _errors(self) -> Middleware:
        @web.middleware
        async def _answer(
            request: web.Request,
            handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        ) -> web.StreamResponse:
            try:
                return await handler(request)
            except Exception as error:
                answer = self.refuses(error)
                if answer is None:
                    raise
                return answer

        return _answer
