"""How long a body may be, held while it comes in: Django would take all of it first."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PROBLEM = json.dumps(
    {
        "type": "/problems/too-large",
        "title": "The body is too large",
        "status": 413,
        "detail": "Divide it.",
    }
).encode()


async def limited(
    app: App, scope: Scope, receive: Receive, send: Send, *, most: int
) -> None:
    """Let `app` answer, unless the body is longer than `most` bytes: then 413.

    The length that was announced is believed when it is too large; else bytes are counted.
    """
    if _announced(scope) > most:
        await _refuse(send)
        return
    count, has_refused = 0, False

    async def counting() -> MutableMapping[str, Any]:
        nonlocal count, has_refused
        message = await receive()
        count += len(message.get("body", b""))
        if count > most and not has_refused:
            has_refused = True
            await _refuse(send)
        # Django gives a request up whose client has gone.
        return {"type": "http.disconnect"} if has_refused else message

    async def sending(message: Mapping[str, Any]) -> None:
        if not has_refused:
            await send(message)

    await app(scope, counting, sending)


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(_PROBLEM)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _PROBLEM})
