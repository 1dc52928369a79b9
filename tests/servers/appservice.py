"""A Synapse that knows application services, and the receiver of what it pushes."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from typing_extensions import override

from menting.base import clock
from menting.channels.hook import Hook, HookAnswer
from menting.cli.demo import synapse_yaml
from menting.cli.demo.homeserver import Homeserver, HomeserverError, find_synapse, free_port
from tests.missing import missing

#: Synapse reads registrations when it starts; each test takes a new one, since what is
#: pushed to one that does not answer is tried again more and more seldom.
SERVICES = 60

Take = Callable[[Hook], Awaitable[HookAnswer]]


class Registration:
    """One application service as its homeserver knows it."""

    def __init__(self, number: int, port: int) -> None:
        self.id = f"as{number}"
        self.as_token, self.hs_token = f"as-token-{number}", f"hs-token-{number}"
        self.desk = f"@{self.id}_desk:{synapse_yaml.SERVER_NAME}"
        self._port = port

    def told(self) -> str:
        """Return the registration file; JSON is YAML."""
        users = {"exclusive": True, "regex": f"@{self.id}_.*"}
        url = f"http://127.0.0.1:{self._port}/{self.id}/hooks/matrix/{self.desk}"
        return json.dumps(
            {
                "id": self.id,
                "url": url,
                "as_token": self.as_token,
                "hs_token": self.hs_token,
                "sender_localpart": f"{self.id}_desk",
                "rate_limited": False,
                "namespaces": {"users": [users], "rooms": [], "aliases": []},
            }
        )


class ServiceServer(Homeserver):
    """A homeserver with many registrations."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.push_port = free_port()
        self._unused = itertools.count()
        self._folder = folder

    def service(self) -> Registration:
        """Return one that no test had before."""
        number = next(self._unused)
        assert number < SERVICES
        return Registration(number, self.push_port)

    @contextlib.asynccontextmanager
    async def pushing(self, service: Registration, take: Take) -> AsyncIterator[None]:
        """Hand over within the block what is pushed to a service."""

        async def _take(request: web.Request) -> web.Response:
            name, _, path = request.path[1:].partition("/hooks/matrix/")
            if name != service.id:
                return web.Response(status=503)
            headers = {name.lower(): said for name, said in request.headers.items()}
            query, body = dict(request.query), await request.read()
            hook = Hook(request.method, path, query, headers, body, clock.now())
            answer = await take(hook)
            kind = answer.content_type.partition(";")[0]
            return web.Response(body=answer.body, status=answer.status, content_type=kind)

        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", _take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.push_port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    @override
    def _write_settings(self) -> None:
        super()._write_settings()
        files = []
        for number in range(SERVICES):
            files.append(str(self._folder / f"as{number}.yaml"))
            Path(files[-1]).write_text(Registration(number, self.push_port).told())
        settings = self._folder / "homeserver.yaml"
        with settings.open("a") as out:
            out.write(f"app_service_config_files: {json.dumps(files)}\n")


@pytest.fixture(scope="session")
def service_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceServer]:
    """Give one running homeserver for all tests of application services."""
    try:
        find_synapse()
    except HomeserverError as error:
        missing(str(error))
    server = ServiceServer(tmp_path_factory.mktemp("services"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
