"""`/metrics` in Prometheus' text format, for this machine or for whoever has the token."""

import hmac
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

import structlog
from django.db import Error
from prometheus_client import CONTENT_TYPE_LATEST, Metric, generate_latest

from menting.base.meters import REGISTRY
from menting.workers import bridge

log = structlog.get_logger(__name__)

#: A request with one of these came through a proxy, from wherever.
_FORWARDED = (b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"via")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Metrics:
    """A raw ASGI app: this process's meters, and the gauges that `count` reads."""

    def __init__(self, count: Callable[[], Iterable[Metric]], *, token: str) -> None:
        self._count, self._token = count, token

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer 200 with the figures, or 401 or 403 with what is missing."""
        if self._token:
            if not _has_token(scope, self._token):
                await _answer(send, 401, b"the metrics_token is missing or wrong\n")
                return
        elif not _is_of_this_machine(scope):
            await _answer(send, 403, b"from this machine alone: set metrics_token\n")
            return
        await _answer(send, 200, generate_latest(REGISTRY) + await self._gauges())

    async def _gauges(self) -> bytes:
        """Return what the database tells; nothing while it is away."""
        try:
            counted = await bridge.call(self._count)
        except Error:
            log.exception("the state was not counted for /metrics")
            return b""
        return generate_latest(_Counted(counted))


class _Counted:
    """Gauges as `generate_latest` takes them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Hand them over."""
        yield from self._metrics


def _has_token(scope: dict[str, Any], token: str) -> bool:
    given = dict(scope["headers"]).get(b"authorization", b"")
    return hmac.compare_digest(given, b"Bearer " + token.encode())


def _is_of_this_machine(scope: dict[str, Any]) -> bool:
    """Say whether somebody here asks, and not a proxy for somebody elsewhere."""
    client, headers = scope.get("client"), dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0]
    return (
        client is not None
        and ip_address(client[0]).is_loopback
        and host in _LOCAL_HOSTS
        and not any(name in headers for name in _FORWARDED)
    )


async def _answer(send: Any, status: int, body: bytes) -> None:
    kind = CONTENT_TYPE_LATEST if status == 200 else "text/plain; charset=utf-8"
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
