"""A fake platform's server on loopback, which can go away and come back."""

import contextlib
from collections.abc import AsyncIterator
from typing import Self

from aiohttp import web

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
            client_max_size=2**24, middlewares=[self.faults.middleware()]
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
