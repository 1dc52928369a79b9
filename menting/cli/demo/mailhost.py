"""A private Postfix and Dovecot on free loopback ports, for the demo and for tests."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from menting.cli.demo import mailhost_conf
from menting.cli.demo.homeserver import free_port
from menting.cli.demo.mailhost_conf import Ports

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
#: Debian keeps them where only root's path leads.
_PATH = os.environ.get("PATH", "") + ":/usr/sbin"


class MailhostError(Exception):
    """The servers could not be found or started; the message says what to do."""


class Mailhost:
    """A Postfix that takes mail and a Dovecot that holds it, gone with the folder."""

    def __init__(self, folder: Path, *, certificate: Path | None = None) -> None:
        """Use `folder`, which users other than root must be able to enter.

        With a certificate and its key in one PEM file, both offer STARTTLS.

        Raises MailhostError.
        """
        self._folder, self.certificate = folder, certificate
        self._postfix, self._dovecot = find_servers()
        self._ports = Ports(*(free_port() for _ in Ports._fields))
        self._processes: list[subprocess.Popen[bytes]] = []
        self.smtp_port, self.imap_port = self._ports.smtp, self._ports.imap

    def add(self, address: str) -> str:
        """Make a mailbox and return its password."""
        password = secrets.token_hex(12)
        line = f"{address}:{{PLAIN}}{password}::::::\n"
        (self._folder / "users" / address).write_text(line)
        return password

    def columns(self, password: str) -> dict[str, str]:
        """Return what a roster line of a mailbox holds beside its address."""
        return {
            "password": password,
            "smtp_host": "127.0.0.1",
            "smtp_port": str(self.smtp_port),
            "smtp_tls": "none",
            "imap_host": "127.0.0.1",
            "imap_port": str(self.imap_port),
            "imap_tls": "none",
        }

    async def settled(self) -> None:
        """Wait until all that was taken is delivered, bounced or thrown away."""
        async with asyncio.timeout(READY_SECONDS):
            while any(self._queued()):  # noqa: ASYNC110  # Postfix tells nobody
                await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Mailhost"]:
        """Keep both running within the block. Raises MailhostError."""
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start both, and return when they serve. Raises MailhostError."""
        self._write_settings()
        self._run(self._dovecot, "-F", "-c", str(self._folder / "dovecot.conf"))
        self._run(self._postfix, "-c", str(self._folder / "postfix"), "start-fg")
        try:
            async with asyncio.timeout(READY_SECONDS):
                for port in self._ports:
                    await self._until_open(port)
        except TimeoutError:
            await self.stop()
            raise MailhostError(
                f"the mail servers did not start: {self._words()}"
            ) from None

    async def stop(self) -> None:
        """Ask both to end, and make end what does not."""
        processes, self._processes = self._processes, []
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                await asyncio.to_thread(process.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _queued(self) -> Iterator[Path]:
        for part in ("maildrop", "incoming", "active"):
            yield from (self._folder / "queue" / part).glob("*")

    def _write_settings(self) -> None:
        folder, postfix = self._folder, self._folder / "postfix"
        for part in ("postfix", "queue", "data", "mail", "run", "state", "users"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        shutil.chown(folder / "data", "postfix")
        shutil.chown(folder / "mail", "mail", "mail")
        (folder / "taken").write_text(mailhost_conf.taken())
        given = (folder, self._ports, self.certificate)
        (postfix / "main.cf").write_text(mailhost_conf.main_cf(*given))
        (postfix / "master.cf").write_text(mailhost_conf.master_cf(self._ports))
        (folder / "dovecot.conf").write_text(mailhost_conf.dovecot_conf(*given))

    def _run(self, *command: str) -> None:
        with (self._folder / "out").open("ab") as out:
            process = subprocess.Popen(  # noqa: S603  # found by find_servers
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # A Ctrl-C of the terminal is for the demo, which then stops them in order.
                start_new_session=True,
            )
        self._processes.append(process)

    async def _until_open(self, port: int) -> None:
        while any(process.poll() is None for process in self._processes):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            await asyncio.sleep(0.05)
        raise MailhostError(f"the mail servers ended at once: {self._words()}")

    def _words(self) -> str:
        files = [self._folder / name for name in ("out", "postfix.log", "dovecot.log")]
        lines = [
            line
            for file in files
            if file.exists()
            for line in file.read_text(errors="replace").split("\n")[-4:]
        ]
        return " / ".join(filter(None, lines))[-600:]


def find_servers() -> tuple[str, str]:
    """Return the programs postfix and dovecot. Raises MailhostError."""
    postfix, dovecot = (shutil.which(name, path=_PATH) for name in ("postfix", "dovecot"))
    if postfix is None or dovecot is None:
        raise MailhostError(
            "no Postfix or Dovecot here: "
            "apt-get install postfix dovecot-imapd dovecot-lmtpd"
        )
    if os.geteuid() != 0:
        raise MailhostError("Postfix starts for root only")
    return postfix, dovecot
