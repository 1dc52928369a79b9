"""`menting run` with its accounts on a platform within the process, told of in a file.

    python -m tests.server.role_child LOG [--only ROLE …] [--port PORT]

Each session tells once, at its first start, that a person of its own wrote "subscribe".
"""

import asyncio
import os
import sys
from pathlib import Path

import django
from typing_extensions import override

os.environ["DJANGO_SETTINGS_MODULE"] = "menting.server.settings"
django.setup()

import typer  # noqa: E402

from menting.base import clock  # noqa: E402  # models come first
from menting.channels import base  # noqa: E402
from menting.cli import run  # noqa: E402
from menting.workers import keeper  # noqa: E402
from tests.workers.platform import Live, Platform  # noqa: E402

LOG = Path(sys.argv.pop(1))


def tell(*words: str) -> None:
    """Add a line that no other process can come between."""
    line = " ".join([f"{clock.now().timestamp():.3f}", str(os.getpid()), *words]) + "\n"
    handle = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


class Told(Live):
    """A session whose person agrees at the first sign-in."""

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        if not resume:
            await deliver([self._agrees()], b"1")
        await asyncio.Event().wait()

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        tell("sent", self.account.handle, message.key)
        return base.Receipt(message.key, clock.now())

    @override
    async def close(self) -> None:
        tell("closed", self.account.handle)

    def _agrees(self) -> base.Event:
        person = f"person-of-{self.account.handle}"
        return base.Event(
            id=f"first-{self.account.handle}",
            type=base.EventType.MESSAGE,
            at=clock.now(),
            peer=base.Peer(id=f"room-{person}"),
            sender=base.Profile(id=person),
            text="subscribe",
        )


class Telling(Platform):
    """A platform whose sessions are told of."""

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> base.Session:
        tell("opened", account.handle)
        return Told(self, account)


class TellingKeeper(keeper.Keeper):
    """A keeper of which every account is on that platform."""

    def __init__(self, me: str) -> None:
        platform = Telling()
        super().__init__(me, channel_of=lambda _: platform)


if __name__ == "__main__":
    keeper.Keeper = TellingKeeper  # type: ignore[misc, assignment]  # on purpose
    typer.run(run.run)
