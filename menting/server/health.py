"""`/healthz` says that the process answers; `/readyz` that its parts do their work."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Check = Callable[[], str]
"""Returns an empty string, or what is not ready."""


class Health:
    """A raw ASGI app over named checks, asked anew at each request."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer 200 or 503 with a JSON object of what is not ready."""
        troubles = {}
        if scope["path"] == "/readyz":
            answers = {name: check() for name, check in self._checks.items()}
            troubles = {name: said for name, said in answers.items() if said}
        status = 503 if troubles else 200
        body = json.dumps(
            {"status": "not ready" if troubles else "ok", **troubles}
        ).encode()
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"cache-control", b"no-store"),
                    (b"content-length", str(len(body)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})


class Signs:
    """The app of a process without pages: its health and its figures, nothing else."""

    def __init__(self, *, health: App, metrics: App) -> None:
        self._health, self._metrics = health, metrics

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer `/metrics` with figures, all else with the health."""
        app = self._metrics if scope["path"] == "/metrics" else self._health
        await app(scope, receive, send)
