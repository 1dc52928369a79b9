"""The program's web face on a free port, and a caller with a token of its own."""

import http.client
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import uvicorn
from django.core.asgi import get_asgi_application

from menting.base import pace
from menting.server.asgi import Front
from menting.server.health import Health
from menting.server.hooks import Hooks
from menting.server.metrics import Metrics
from menting.users import guard, tokens
from menting.users.models import User
from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Snapshot
from tests.console.conftest import owner, sample  # noqa: F401  # a house with one of each

ROOT = "/api/v1"


@dataclass(frozen=True, slots=True)
class Said:
    """What was answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def told(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that calls the API."""

    port: int
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Said:
        """GET a path below the API's root."""
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, body: object, *, key: str = "", **headers: str) -> Said:
        """POST JSON with a key, a new one if none is given."""
        return self.send(
            "POST", path, body, Idempotency_Key=key or str(uuid.uuid4()), **headers
        )

    def send(self, method: str, path: str, body: object, **headers: str) -> Said:
        """Send JSON."""
        raw = json.dumps(body).encode()
        return self.ask(method, path, raw, Content_Type="application/json", **headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Said:
        """Send anything; a name of a header with _ for each -."""
        mine = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        given = {name.replace("_", "-"): said for name, said in headers.items()}
        return call(self.port, method, f"{ROOT}{path}", body, mine | self.headers | given)

    def with_token(self, token: str) -> "Caller":
        """Return the caller with another token."""
        return replace(self, token=token)


def call(
    port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> Said:
    """Make one call by the standard library's client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Said(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve the API on a free port for all tests."""
    folder = tmp_path_factory.mktemp("web") / "spool"
    folder.mkdir()
    spool = Spool(folder)
    front = Front(
        door=Door(
            spool=spool,
            spaces=lambda: Snapshot(spaces={}, house_zone=ZoneInfo("UTC")),
            key=bytes(32),
        ),
        health=Health({}),
        metrics=Metrics(list, token=""),
        hooks=Hooks(),
        django=get_asgi_application(),
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)  # a call that comes before the server waits for it
        web = uvicorn.Server(
            uvicorn.Config(front, lifespan="off", log_config=None, access_log=False)
        )
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        yield int(listener.getsockname()[1])
        web.should_exit = True
        thread.join()
    spool.close()


def token_of(user: User, *scopes: str, days: int = 1) -> str:
    """Make a token of this user with these scopes, all if none is given."""
    made = tokens.make(
        guard.at_shell(),
        user,
        name=f"test {uuid.uuid4()}",
        scopes=scopes or tokens.SCOPES,
        days=days,
    )
    return made.plain


@pytest.fixture
def caller(port: int, owner: User) -> Caller:  # noqa: F811  # the fixture above
    """Give a caller whose token may do everything that a token may."""
    return Caller(port, token_of(owner))


@pytest.fixture
def _at_any_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test ask as often as it likes."""
    monkeypatch.setattr(tokens, "RATE", pace.Rate(interval=1, burst=1_000_000))
