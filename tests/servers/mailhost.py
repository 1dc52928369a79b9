"""A Postfix and a Dovecot for the whole test session."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from menting.cli.demo.mailhost import Mailhost, MailhostError, find_servers
from tests.missing import missing
from tests.servers import tls


@pytest.fixture(scope="session")
def mailhost() -> Iterator[Mailhost]:
    """Give one running mail host; each test makes mailboxes of its own on it."""
    try:
        find_servers()
    except MailhostError as error:
        missing(str(error))
    # Not in pytest's own folder: that is root's alone, and the servers run as others.
    with tempfile.TemporaryDirectory(prefix="menting-mail-") as folder:
        Path(folder).chmod(0o755)
        server = Mailhost(Path(folder), certificate=tls.certificate(Path(folder)))
        asyncio.run(server.start())
        yield server
        asyncio.run(server.stop())
