"""A Prosody for the whole test session: accounts, a component's host, archive, wall."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from menting.cli.demo.homeserver import free_port
from tests.missing import missing
from tests.servers import certificate

HOST = "localhost"
COMPONENT = "shops.localhost"
COMPONENT_SECRET = "between the two of us"
READY_SECONDS = 20.0

CONFIG = """
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
plugin_paths = {{}}
network_backend = "epoll"
network_settings = {{ tcp_backlog = 1024 }}
storage = "internal"
modules_enabled = {{
    "roster", "saslauth", "disco", "ping", "pep", "carbons", "smacks", "blocklist",
    "vcard4", "vcard_legacy", "presence", "message", "iq", "c2s", "mam", "offline",
    "tls",
}}
modules_disabled = {{ "s2s", "limits" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = false
authentication = "internal_plain"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
ssl = {{ certificate = "{certificate}"; key = "{key}" }}
component_interfaces = {{ "127.0.0.1" }}
component_ports = {{ {component_port} }}
log = {{ warn = "{folder}/prosody.log" }}
run_as_root = true
VirtualHost "{host}"
Component "{component}"
    component_secret = "{secret}"
    modules_disabled = {{ "s2s" }}
"""


class Prosody:
    """One Prosody in a folder, gone with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.component_port = free_port(), free_port()
        self.tls_port = free_port()
        self.certificate, self._key = certificate.make(folder)

    @contextlib.contextmanager
    def running(self) -> Iterator["Prosody"]:
        """Keep it running within the block."""
        self._folder.joinpath("data").mkdir()
        file = self._folder / "prosody.cfg.lua"
        file.write_text(
            CONFIG.format(
                folder=self._folder,
                port=self.port,
                tls_port=self.tls_port,
                certificate=self.certificate,
                key=self._key,
                component_port=self.component_port,
                host=HOST,
                component=COMPONENT,
                secret=COMPONENT_SECRET,
            )
        )
        with self._folder.joinpath("out.log").open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603  # our own words
                [_program(), "--config", str(file), "-F"], stdout=out, stderr=out
            )
        try:
            self._until_ready()
            yield self
        finally:
            self._process.terminate()
            self._process.wait(10)

    def register(self, *names: str) -> None:
        """Make accounts, with `password` for each: a file as Prosody itself writes it."""
        accounts = self._folder / "data" / HOST / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        for name in names:
            told = f'return {{ ["password"] = "{password(name)}"; }};\n'
            accounts.joinpath(f"{name}.dat").write_text(told)

    def _until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                for port in (self.port, self.component_port):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                return
            time.sleep(0.05)
        raise AssertionError(self._folder.joinpath("out.log").read_text())


def _program() -> str:
    found = shutil.which("prosody")
    if found is None:
        raise FileNotFoundError("Debian's prosody is not installed")
    return found


def password(name: str) -> str:
    """Return the password that `register` gives an account."""
    return f"secret of {name}"


def bare(name: str) -> str:
    """Return an account's address."""
    return f"{name}@{HOST}"


@pytest.fixture(scope="session")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    """Give one running server; each test makes accounts of its own on it."""
    try:
        _program()
    except FileNotFoundError as error:
        missing(str(error))
    with Prosody(tmp_path_factory.mktemp("prosody")).running() as server:
        yield server
