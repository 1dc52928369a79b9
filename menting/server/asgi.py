"""The order of answering: door and health, then Django; pages record their visit."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any

import structlog

from menting.server.health import Health
from menting.visits.door import Door
from menting.visits.spool import SpoolError

log = structlog.get_logger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

#: Answers whose page was shown or which went on by a landing link.
SHOWN = frozenset({200, 302, 304})


class Front:
    """The one ASGI app of the program."""

    def __init__(self, *, door: Door, health: Health, django: App) -> None:
        self._door, self._health, self._django = door, health, django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to whom its path belongs."""
        path = scope["path"]
        if path in ("/v", "/v.js"):
            await self._door(scope, receive, send)
        elif path in ("/healthz", "/readyz"):
            await self._health(scope, receive, send)
        elif path.startswith(("/@", "/l/")) and scope["method"] == "GET":
            await self._recorded(scope, receive, send)
        else:
            await self._django(scope, receive, send)

    async def _recorded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Django answer, and keep the visit before the answer leaves.

        The view says in `scope["menting.visit"]` which space and path were shown, and to
        whom if they signed in and agreed; a page that it does not say so of is no visit.
        """
        number, stamp = self._door.mint()
        visit: dict[str, Any] = {"stamp": stamp}
        scope["menting.visit"] = visit

        async def sending(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] in SHOWN:
                await self._keep(scope, visit, number)
            await send(message)

        await self._django(scope, receive, sending)

    async def _keep(self, scope: Scope, visit: dict[str, Any], number: int) -> None:
        if "space" not in visit:
            return
        try:
            await self._door.record(
                vid=number,
                space_slug=visit["space"],
                path=visit["path"],
                headers=scope["headers"],
                client=scope.get("client"),
                who=visit.get("who", 0),
            )
        except SpoolError:
            # The page is still worth showing; the visit was acknowledged to nobody.
            log.exception("a page's visit was not kept")
