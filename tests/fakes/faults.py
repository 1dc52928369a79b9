"""Spoils what a fake platform is asked, without a proxy that knows no WebSockets."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from tests.servers.proxy import Answer, Fault, Held


class Faults:
    """Faults for requests whose "METHOD path" contains `part`, as of a `proxy.Proxy`."""

    def __init__(self) -> None:
        self._faults: list[tuple[str, Fault, bool]] = []
        self._held: list[Held] = []
        #: "METHOD path" of every request that came in.
        self.seen: list[str] = []

    def once(self, part: str, fault: Fault) -> None:
        """Spoil the next such request."""
        self._faults.append((part, fault, True))

    def always(self, part: str, fault: Fault) -> None:
        """Spoil every such request from now on."""
        self._faults.append((part, fault, False))

    def hold_request(self, part: str) -> Held:
        """Keep the next request from the platform until it is released."""
        held = self._hold()

        async def _fault(
            _request: web.Request, forward: Callable[[], Awaitable[Answer]]
        ) -> Answer:
            await held.stand()
            return await forward()

        self.once(part, _fault)
        return held

    def hold_answer(self, part: str) -> Held:
        """Let the platform do it, and keep its answer until released."""
        held = self._hold()

        async def _fault(
            _request: web.Request, forward: Callable[[], Awaitable[Answer]]
        ) -> Answer:
            answer = await forward()
            await held.stand()
            return answer

        self.once(part, _fault)
        return held

    def release(self) -> None:
        """Let all go on that is held."""
        for held in self._held:
            held.release()

    def middleware(self) -> Middleware:
        """Return what stands before the fake's own handlers."""

        @web.middleware
        async def _spoil(
            request: web.Request,
            handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        ) -> web.StreamResponse:
            line = f"{request.method} {request.raw_path}"
            self.seen.append(line)
            fault = self._take(line)
            if fault is None:
                return await handler(request)

            async def _forward() -> Answer:
                made = await handler(request)
                assert isinstance(made, web.Response)
                assert isinstance(made.body, bytes | bytearray)
                return Answer(
                    made.status, bytes(made.body), {"Content-Type": made.content_type}
                )

            answer = await fault(request, _forward)
            if answer is None:
                return web.Response()  # nobody is there to read it
            return web.Response(
                status=answer.status, body=answer.body, headers=answer.headers
            )

        return _spoil

    def _hold(self) -> Held:
        held = Held()
        self._held.append(held)
        return held

    def _take(self, line: str) -> Fault | None:
        for given in self._faults:
            part, fault, is_once = given
            if part in line:
                if is_once:
                    self._faults.remove(given)
                return fault
        return None
