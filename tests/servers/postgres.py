"""A real PostgreSQL of this run's own: a temporary cluster behind a Unix socket."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

#: For tests alone: what is lost with the machine's power is made anew by the next run.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}
START_SECONDS = 60.0
USER = "menting"


class NoPostgresError(Exception):
    """The server's programs are not on this machine."""


@dataclass
class Cluster:
    """A server and its folder; `fresh` makes databases."""

    folder: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def url(self, name: str = "postgres") -> str:
        """Return the address of a database."""
        return url(self.folder, name)

    def close(self) -> None:
        """Stop the server at once, and remove all that it kept."""
        self.process.send_signal(signal.SIGINT)  # SIGTERM would wait for clients
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def url(folder: Path, name: str) -> str:
    """Return the address of a database of the server whose socket is in `folder`."""
    return f"postgresql://{USER}@/{name}?host={quote(str(folder), safe='')}"


def start() -> Cluster:
    """Make a cluster and start its server. Raises NoPostgresError."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="menting-postgres-"))
    user = _user(folder)
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", USER, "-A", "trust"]
    initdb += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=folder)  # noqa: S603
    given = [f"-c{name}={said}" for name, said in SETTINGS.items()]
    server = [str(programs / "postgres"), "-D", data, "-k", str(folder), *given]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(server, stdout=log, stderr=log, user=user, cwd=folder)  # noqa: S603
    cluster = Cluster(folder, process)
    _wait(cluster)
    return cluster


@contextlib.contextmanager
def fresh(server: str) -> Iterator[str]:
    """Give the address of a new empty database on a server, and drop it then."""
    name = f"fresh_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        folder = Path(admin.info.host)
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield url(folder, name)
    with psycopg.connect(server, autocommit=True) as admin:
        drop = sql.SQL("drop database if exists {} with (force)")
        admin.execute(drop.format(sql.Identifier(name)))


def _programs() -> Path:
    """Return where initdb is; Debian keeps it out of the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not there:
        raise NoPostgresError("PostgreSQL is not here: apt-get install postgresql")
    return there[-1].parent


def _user(folder: Path) -> int | None:
    """Give the folder to whom the server runs as: not to root, which it refuses."""
    if os.getuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_uid


def _wait(cluster: Cluster) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(cluster.url()).close()
        except psycopg.OperationalError:
            if time.monotonic() > until or cluster.process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return
