"""A private Prosody on free loopback ports, for the demo, the tests and the bench."""

import asyncio
import contextlib
import hmac
import secrets
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from menting.cli.demo import prosody_lua
from menting.cli.demo.homeserver import free_port
from menting.cli.demo.prosody_lua import COMPONENT, HOST, Certificate, Ports

READY_SECONDS = 30.0
STOP_SECONDS = 10.0


class ProsodyError(Exception):
    """The server could not be found or started; the message says what to do."""


class Prosody:
    """One Prosody with its accounts, gone with the folder."""

    def __init__(self, folder: Path, *, certificate: Certificate | None = None) -> None:
        """Use `folder`. Raises ProsodyError when there is no Prosody."""
        self._folder, self._certificate = folder, certificate
        self._program = find_prosody()
        self._seed = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.ports = Ports(*(free_port() for _ in Ports._fields))
        self.component_secret = secrets.token_hex(16)

    @staticmethod
    def handle(name: str) -> str:
        """Return an account's address."""
        return f"{name}@{HOST}"

    def password(self, name: str) -> str:
        """Return the password that `register` gives an account."""
        return hmac.new(self._seed.encode(), name.encode(), "sha256").hexdigest()[:24]

    def register(self, *names: str) -> None:
        """Make accounts: for each a file as Prosody itself would write it."""
        for name in names:
            self.set_password(name, self.password(name))

    def set_password(self, name: str, password: str) -> None:
        """Give an account this password from now on."""
        accounts = self._folder / "data" / HOST / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        told = f'return {{ ["password"] = "{password}"; }};\n'
        accounts.joinpath(f"{_escaped(name)}.dat").write_text(told)

    def columns(self, name: str) -> dict[str, str]:
        """Return what a roster line of an account holds beside its address."""
        port = str(self.ports.client)
        password = self.password(name)
        return {"password": password, "host": "127.0.0.1", "port": port, "tls": "no"}

    @staticmethod
    def address(name: str) -> str:
        """Return an address of the component's domain; it need not be made."""
        return f"{name}@{COMPONENT}"

    def component_columns(self) -> dict[str, str]:
        """Return what a roster line of such an address holds beside it."""
        return {
            "component": f"127.0.0.1:{self.ports.component}",
            "component_secret": self.component_secret,
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Prosody"]:
        """Keep it running within the block. Raises ProsodyError."""
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start it, and return when it serves. Raises ProsodyError."""
        self._folder.joinpath("data").mkdir(exist_ok=True)
        file = self._folder / "prosody.cfg.lua"
        file.write_text(
            prosody_lua.text(
                self._folder,
                self.ports,
                secret=self.component_secret,
                certificate=self._certificate,
            )
        )
        self._run(file)
        try:
            async with asyncio.timeout(READY_SECONDS):
                for port in (self.ports.client, self.ports.component):
                    await self._until_open(port)
        except TimeoutError:
            await self.stop()
            raise ProsodyError(f"Prosody did not start: {self._words()}") from None

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

    def _run(self, file: Path) -> None:
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603  # our own words
                [self._program, "--config", str(file), "-F"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # A Ctrl-C of the terminal is for the demo, which then stops it in order.
                start_new_session=True,
            )

    @property
    def _out(self) -> Path:
        return self._folder / "out.log"

    async def _until_open(self, port: int) -> None:
        while self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise ProsodyError(f"Prosody ended at once: {self._words()}")

    def _words(self) -> str:
        return self._out.read_text(errors="replace")[-500:].strip()


def _escaped(name: str) -> str:
    """Return the name of an account's file: all but letters and figures by their code."""
    return "".join(sign if sign.isalnum() else f"%{ord(sign):02x}" for sign in name)


def find_prosody() -> str:
    """Return the program. Raises ProsodyError when there is none."""
    found = shutil.which("prosody")
    if found is None:
        raise ProsodyError("no Prosody here: apt-get install prosody")
    return found
