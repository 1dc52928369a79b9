"""The order of answering, and whom a forwarded address is believed of."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from menting.server.asgi import Front, Receive, Scope, Send
from menting.server.health import Health
from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Snapshot

SAID = [
    (b"host", b"desk.example"),
    (b"x-forwarded-for", b"192.0.2.7"),
    (b"forwarded", b"x"),
]


class Behind:
    """Stands where Django does, and remembers the headers it was given."""

    def __init__(self) -> None:
        self.headers: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = [name for name, _ in scope["headers"]]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def _ask(front: Front, client: tuple[str, int] | None, path: str = "/") -> list[int]:
    statuses = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "GET", "path": path, "headers": list(SAID)}
    await front({**scope, "client": client, "query_string": b""}, receive, send)
    return statuses


def _front(spool: Spool, behind: Behind, *proxies: str) -> Front:
    def no_spaces() -> Snapshot:
        raise AssertionError("no visit is recorded here")

    return Front(
        door=Door(spool=spool, spaces=no_spaces, key=bytes(32)),
        health=Health({"visits": spool.trouble, "accounts": lambda: "down"}),
        metrics=behind,
        hooks=behind,
        django=behind,
        trusted_proxies=proxies,
    )


@pytest.mark.parametrize(
    ("client", "is_believed"),
    [
        (("127.0.0.1", 1), True),
        (("10.1.2.3", 1), True),
        (("192.0.2.1", 1), False),
        (("::1", 1), False),
        (None, False),
    ],
)
async def test_only_a_listed_proxy_says_who_is_behind_it(
    spool: Spool, client: tuple[str, int] | None, is_believed: bool
) -> None:
    behind = Behind()
    await _ask(_front(spool, behind, "127.0.0.1", "10.0.0.0/8"), client)
    assert (b"x-forwarded-for" in behind.headers) is is_believed
    assert (b"forwarded" in behind.headers) is is_believed
    assert b"host" in behind.headers


async def test_health_answers_while_a_part_is_down_and_readiness_does_not(
    spool: Spool,
) -> None:
    front = _front(spool, Behind())
    assert await _ask(front, None, "/healthz") == [200]
    assert await _ask(front, None, "/readyz") == [503]


async def test_a_page_that_no_view_claims_is_no_visit(spool: Spool) -> None:
    assert await _ask(_front(spool, Behind()), None, "/@nowhere") == [200]
