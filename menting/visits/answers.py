"""What the door answers: bare ASGI messages, errors with place and remedy."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SCRIPT = (Path(__file__).parent / "v.js").read_bytes()
#: A page that was changed to another script gets it within an hour.
SCRIPT_SECONDS = 3600
#: A browser asks again whether it may send after a day.
PREFLIGHT_SECONDS = 86_400

_EMPTY: MutableMapping[str, Any] = {"type": "http.response.body", "body": b""}


class RefusedError(Exception):
    """A beacon was refused: an HTTP status, what is wrong, where, and what to do."""

    def __init__(
        self, status: int, error: str, *, where: str, remedy: str, retry_seconds: int = 0
    ) -> None:
        super().__init__(error)
        self.status, self.where, self.remedy = status, where, remedy
        self.retry_seconds = retry_seconds


async def kept(send: Send, origin: bytes) -> None:
    """Answer 204: the visit is on disk, or is none that counts."""
    await send(
        {
            "type": "http.response.start",
            "status": 204,
            "headers": [
                (b"access-control-allow-origin", origin),
                (b"vary", b"origin"),
                (b"cache-control", b"no-store"),
            ],
        }
    )
    await send(_EMPTY)


async def may_send(send: Send, origin: bytes) -> None:
    """Answer a browser's preflight for an origin that is registered."""
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type"),
        (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        (b"vary", b"origin"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send(_EMPTY)


async def script(send: Send, *, is_head: bool) -> None:
    """Answer with the script that a page loads."""
    headers = [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"content-length", b"%d" % len(SCRIPT)),
        (b"cache-control", b"public, max-age=%d" % SCRIPT_SECONDS),
        (b"x-content-type-options", b"nosniff"),
        # Pages of other origins load it, also where they ask for isolation.
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else SCRIPT})


async def refused(send: Send, error: RefusedError, *, origin: bytes = b"") -> None:
    """Answer with a problem (RFC 9457 media type): `error`, `where`, `remedy`."""
    body = json.dumps(
        {
            "status": error.status,
            "error": str(error),
            "where": error.where,
            "remedy": error.remedy,
        }
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if origin:
        headers += [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
    if error.retry_seconds:
        headers.append((b"retry-after", b"%d" % error.retry_seconds))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
