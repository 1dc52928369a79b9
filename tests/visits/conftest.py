"""A spool, a store, a space and a door to it, in a folder of the test's own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Snapshot, SpaceSeen

ORIGIN = "https://garden.example"
SHANGHAI = ZoneInfo("Asia/Shanghai")
GARDEN = SpaceSeen(id=1, slug="garden", origins=frozenset({ORIGIN}), zone=SHANGHAI)
BLOG = SpaceSeen(
    id=2,
    slug="blog",
    origins=frozenset({"https://blog.example"}),
    zone=ZoneInfo("America/New_York"),
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
HOUSE_ZONE = ZoneInfo("UTC")
KEY = b"k" * 32


@dataclass
class Answer:
    """What an ASGI app answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def problem(self) -> dict[str, Any]:
        """Return the body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Caller:
    """Calls a door as a browser on a page of the garden would."""

    door: Door
    peer: str = "203.0.113.9"

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request and return the answer."""
        answer = Answer()
        given = {"user-agent": FIREFOX, "origin": ORIGIN, **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items() if v],
            "client": (self.peer, 40_000),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {
                    name.decode(): value.decode() for name, value in message["headers"]
                }
            else:
                answer.body += message["body"]

        await self.door(scope, receive, send)
        return answer

    async def beacon(self, headers: dict[str, str] | None = None, **beacon: Any) -> Answer:
        """Send a beacon of the garden's front page, changed by `beacon`."""
        body = json.dumps({"space": "garden", "path": "/", **beacon}).encode()
        return await self.request("POST", "/v", body=body, headers=headers)


@pytest.fixture
def snapshot() -> Snapshot:
    """Show two spaces in different zones, and the house in UTC."""
    return Snapshot(spaces={"garden": GARDEN, "blog": BLOG}, house_zone=ZoneInfo("UTC"))


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    """Open a spool in a folder of its own."""
    made = Spool(tmp_path / "spool")
    yield made
    made.close()
    await asyncio.sleep(0)


@pytest.fixture
def caller(spool: Spool, snapshot: Snapshot) -> Caller:
    """Call as somebody who opens the garden's page."""
    return Caller(Door(spool=spool, spaces=lambda: snapshot, key=KEY))


@pytest.fixture
def make_caller(spool: Spool, snapshot: Snapshot) -> Callable[..., Caller]:
    """Make callers of doors with other settings."""

    def make(**settings: Any) -> Caller:
        return Caller(Door(spool=spool, spaces=lambda: snapshot, key=KEY, **settings))

    return make
