"""A private Synapse on a free loopback port, in a folder, for the demo and for tests."""

import asyncio
import base64
import contextlib
import hmac
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from menting.cli.demo import synapse_yaml

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
#: More side by side only wait within Synapse, which hashes one password at a time.
AT_ONCE = 16
WALL = "wall"


class HomeserverError(Exception):
    """The homeserver could not be found, started or filled; the message says what to do."""


class Homeserver:
    """One Synapse with its accounts, all invented and gone with the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = find_synapse()
        self._secret = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.wall = f"#{WALL}:{synapse_yaml.SERVER_NAME}"

    @staticmethod
    def handle(name: str) -> str:
        """Return the full Matrix id of an account."""
        return f"@{name}:{synapse_yaml.SERVER_NAME}"

    def password(self, name: str) -> str:
        """Return the password that `register` gives an account."""
        return hmac.new(self._secret.encode(), name.encode(), "sha256").hexdigest()[:24]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Homeserver"]:
        """Keep it running within the block. Raises HomeserverError."""
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start it, and return when it serves; a second start goes on where it stopped.

        From a thread that stays: the server ends with the one that started it.
        """
        self._write_settings()
        with (self._folder / "synapse.out").open("ab") as out:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603  # a fork, not a wait
                [self._python, "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"],
                cwd=self._folder,
                # There Python finds `sitecustomize`, and runs it before Synapse.
                env=os.environ | {"PYTHONPATH": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # A Ctrl-C of the terminal is for the demo, which then stops it in order.
                start_new_session=True,
            )
        await self._wait_until_it_serves(self._process)

    async def stop(self) -> None:
        """Ask it to end, and make it end when it does not."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def register(self, names: Mapping[str, str]) -> None:
        """Make an account of each name with the name that others see, side by side."""
        gate = asyncio.Semaphore(AT_ONCE)
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
            for name, shown in names.items():
                group.create_task(self._register(http, gate, name, shown))

    async def token(self, name: str) -> str:
        """Sign an account in on a device of its own and return the token."""
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": name},
            "password": self.password(name),
        }
        async with aiohttp.ClientSession() as http:
            told = await self._call(http, "POST", "/_matrix/client/v3/login", body)
        return str(told["access_token"])

    async def open_wall(self, owner: str) -> None:
        """Make the public room `wall` as that account, with nobody else in it."""
        body = {"preset": "public_chat", "room_alias_name": WALL, "name": "Wall"}
        token = await self.token(owner)
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"}
        ) as http:
            await self._call(http, "POST", "/_matrix/client/v3/createRoom", body)

    def _write_settings(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, text in synapse_yaml.files(self._folder, self.port, self._secret).items():
            (self._folder / name).write_text(text)
        key = self._folder / "signing.key"
        if not key.exists():
            # Synapse writes one by `--generate-keys`, which takes as long as a start.
            seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
            key.write_text(f"ed25519 a_demo {seed}\n")

    async def _wait_until_it_serves(self, process: subprocess.Popen[bytes]) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as http:
                while process.poll() is None:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with http.get(f"{self.url}/health") as answer:
                            if answer.status == 200:
                                return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pass
        await self.stop()
        raise HomeserverError(f"Synapse did not start: {self._last_words()}")

    def _last_words(self) -> str:
        lines = (self._folder / "synapse.out").read_text(errors="replace").split("\n")
        return " / ".join([line.strip() for line in lines if line.strip()][-3:])[-600:]

    async def _register(
        self, http: aiohttp.ClientSession, gate: asyncio.Semaphore, name: str, shown: str
    ) -> None:
        path = "/_synapse/admin/v1/register"
        async with gate:
            nonce = (await self._call(http, "GET", path, None))["nonce"]
            password = self.password(name)
            signed = "\0".join([nonce, name, password, "notadmin"]).encode()
            body = {
                "nonce": nonce,
                "username": name,
                "displayname": shown,
                "password": password,
                "admin": False,
                # Synapse's admin API asks for this hash.
                "mac": hmac.new(self._secret.encode(), signed, "sha1").hexdigest(),
                "inhibit_login": True,
            }
            await self._call(http, "POST", path, body)

    async def _call(
        self,
        http: aiohttp.ClientSession,
        method: str,
        path: str,
        body: dict[str, Any] | None,
    ) -> dict[str, Any]:
        async with http.request(method, self.url + path, json=body) as answer:
            told: dict[str, Any] = await answer.json()
        if answer.status != 200:
            raise HomeserverError(f"{method} {path}: {answer.status} {told.get('error')}")
        return told


def find_synapse() -> Path:
    """Return the Python that has Synapse: `MENTING_SYNAPSE`, else `.synapse` here or above.

    Raises HomeserverError when there is none.
    """
    named = os.environ.get("MENTING_SYNAPSE")
    above = (Path.cwd(), Path(__file__).resolve().parents[3])
    places = [Path(named)] if named else [at / ".synapse/bin/python" for at in above]
    for place in places:
        if place.is_file():
            return place
    raise HomeserverError(
        f"no Synapse at {' or '.join(map(str, places))}: run `make demo`, which makes one, "
        "or set MENTING_SYNAPSE to the Python that has it"
    )


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
