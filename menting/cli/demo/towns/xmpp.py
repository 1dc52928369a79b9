"""The town on XMPP: a Prosody, with the first shop's microblog as wall."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from menting.cli.demo.prosody import Prosody
from menting.cli.demo.towns.base import Citizen, Town


class XmppTown(Town):
    """Every other shop is a client of its own, the rest are addresses of one component."""

    channel, server = "xmpp", "a Prosody"
    script = "menting.cli.demo.people.xmpp"

    def __init__(
        self, folder: Path, shops: Sequence[Citizen], guests: Sequence[Citizen]
    ) -> None:
        """Found it. Raises ProsodyError when there is no Prosody."""
        super().__init__(shops, guests)
        self._folder = folder / "prosody"
        self._server = Prosody(self._folder)
        self._clients = frozenset(shop.login for shop in shops[::2])

    @override
    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._folder.mkdir()
        self._server.register(*self._clients, *(guest.login for guest in self.guests))
        async with self._server.running():
            yield

    @property
    @override
    def wall(self) -> str:
        return self._handle(self.shops[0])

    @override
    def roster(self) -> list[dict[str, str]]:
        return [self._line(shop) for shop in self.shops]

    @override
    def cast(self) -> dict[str, Any]:
        server = self._server
        return {
            "port": server.ports.client,
            "people": [
                (server.handle(guest.login), server.password(guest.login), guest.shown)
                for guest in self.guests
            ],
            "shops": [self._handle(shop) for shop in self.shops],
            "wall": self.wall,
        }

    def _handle(self, shop: Citizen) -> str:
        is_client = shop.login in self._clients
        return (
            self._server.handle(shop.login)
            if is_client
            else self._server.address(shop.login)
        )

    def _line(self, shop: Citizen) -> dict[str, str]:
        line = {"channel": self.channel, "handle": self._handle(shop), "name": shop.shown}
        if shop.login not in self._clients:
            return line | self._server.component_columns()
        microblog = "yes" if shop is self.shops[0] else "no"
        return line | self._server.columns(shop.login) | {"microblog": microblog}
