"""The order of answering: door, health, hooks, then Django; pages record their visit."""

from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    MutableMapping,
)
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import structlog

from menting.base.meters import REQUESTS
from menting.server.health import Health
from menting.server.limited import limited
from menting.visits.door import Door
from menting.visits.spool import SpoolError

log = structlog.get_logger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

#: What a proxy says of the one behind it.
OF_PROXIES = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}
)
#: Answers whose page was shown or which went on by a landing link.
SHOWN = frozenset({200, 302, 304})
#: A roster; `api/` allows less of anything else.
MOST_API_BYTES = 16 * 1024 * 1024


_PATHS = {
    "/v": "door",
    "/v.js": "door",
    "/healthz": "health",
    "/readyz": "health",
    "/metrics": "metrics",
}
_STARTS = (
    ("/@", "page"),
    ("/l/", "page"),
    ("/hooks/", "hook"),
    ("/console/", "console"),
    ("/api/", "api"),
    ("/static/", "static"),
)
_KINDS = {*_PATHS.values(), *(kind for _, kind in _STARTS), "other"}
#: Looked up once: it is on the way of each visit.
_COUNTED = {kind: REQUESTS.labels(kind) for kind in sorted(_KINDS)}


class Front:
    """The one ASGI app of the program."""

    def __init__(
        self,
        *,
        door: Door,
        health: Health,
        metrics: App,
        hooks: App,
        django: App,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._door, self._health = door, health
        self._metrics, self._hooks, self._django = metrics, hooks, django
        self._proxies = tuple(ip_network(proxy, strict=False) for proxy in trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to whom its path belongs."""
        kind = kind_of(scope["path"])
        _COUNTED[kind].inc()
        if kind == "metrics":  # it judges what proxies say by itself
            await self._metrics(scope, receive, send)
            return
        self._forget_forged(scope)
        if kind == "door":
            await self._door(scope, receive, send)
        elif kind == "health":
            await self._health(scope, receive, send)
        elif kind == "hook":
            await self._hooks(scope, receive, send)
        elif kind == "api":
            await limited(self._django, scope, receive, send, most=MOST_API_BYTES)
        elif kind == "page" and scope["method"] == "GET":
            await self._recorded(scope, receive, send)
        else:
            await self._django(scope, receive, send)

    def _forget_forged(self, scope: Scope) -> None:
        """Drop what only a proxy of ours may say, when another says it (ASVS 4.1.3)."""
        client = scope.get("client")
        if client and any(_is_within(client[0], proxy) for proxy in self._proxies):
            return
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in OF_PROXIES]

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


def kind_of(path: str) -> str:
    """Return what answers a path: the name under which its requests are counted."""
    if kind := _PATHS.get(path):
        return kind
    return next((kind for start, kind in _STARTS if path.startswith(start)), "other")


def _is_within(address: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        return False  # a Unix socket has no address
