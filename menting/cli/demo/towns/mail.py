"""The town of mail: a Postfix and a Dovecot; there are no walls."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from menting.cli.demo.mailhost import Mailhost, find_servers
from menting.cli.demo.mailhost_conf import PEOPLE, SHOPS
from menting.cli.demo.towns.base import Citizen, Town


class MailTown(Town):
    """Mailboxes of accounts and of people on one host."""

    channel, server = "mail", "a Postfix and a Dovecot"
    script = "menting.cli.demo.people.mail"

    def __init__(
        self, _folder: Path, shops: Sequence[Citizen], guests: Sequence[Citizen]
    ) -> None:
        """Found it. Raises MailhostError without the servers, or when this is not root."""
        super().__init__(shops, guests)
        find_servers()
        self._passwords: dict[str, str] = {}

    @override
    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        # Not in the demo's folder: it is one user's alone, and the servers run as others.
        with tempfile.TemporaryDirectory(prefix="menting-demo-mail-") as folder:
            self._server = Mailhost(_open_to_all(folder))
            async with self._server.running():
                everybody = (*map(_shop, self.shops), *map(_guest, self.guests))
                self._passwords = {who: self._server.add(who) for who in everybody}
                yield

    @property
    @override
    def wall(self) -> str:
        return ""

    @override
    def roster(self) -> list[dict[str, str]]:
        return [self._line(shop) for shop in self.shops]

    @override
    def cast(self) -> dict[str, Any]:
        return {
            "smtp_port": self._server.smtp_port,
            "imap_port": self._server.imap_port,
            "people": [
                (_guest(guest), self._passwords[_guest(guest)], guest.shown)
                for guest in self.guests
            ],
            "shops": [_shop(shop) for shop in self.shops],
            "wall": "",
        }

    def _line(self, shop: Citizen) -> dict[str, str]:
        handle = _shop(shop)
        line = {"channel": self.channel, "handle": handle, "name": shop.shown}
        return line | self._server.columns(self._passwords[handle])


def _open_to_all(folder: str) -> Path:
    Path(folder).chmod(0o755)
    return Path(folder)


def _shop(one: Citizen) -> str:
    return f"{one.login}@{SHOPS}"


def _guest(one: Citizen) -> str:
    return f"{one.login}@{PEOPLE}"
