"""The town on Matrix: a Synapse, with a public room as the first shop's wall."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from menting.cli.demo.homeserver import Homeserver
from menting.cli.demo.towns.base import Citizen, Town


class MatrixTown(Town):
    """Accounts and people on one Synapse."""

    channel, server = "matrix", "a Matrix homeserver"
    script = "menting.cli.demo.people.matrix"

    def __init__(
        self, folder: Path, shops: Sequence[Citizen], guests: Sequence[Citizen]
    ) -> None:
        """Found it. Raises HomeserverError when there is no Synapse."""
        super().__init__(shops, guests)
        self._server = Homeserver(folder / "homeserver")

    @override
    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self._server.running():
            everybody = (*self.shops, *self.guests)
            await self._server.register({one.login: one.shown for one in everybody})
            await self._server.open_wall(self.shops[0].login)
            yield

    @property
    @override
    def wall(self) -> str:
        return self._server.handle(self.shops[0].login)

    @override
    def roster(self) -> list[dict[str, str]]:
        return [self._line(shop) for shop in self.shops]

    @override
    def cast(self) -> dict[str, Any]:
        return {
            "homeserver": self._server.url,
            "people": [
                (guest.login, self._server.password(guest.login), guest.shown)
                for guest in self.guests
            ],
            "shops": [self._server.handle(shop.login) for shop in self.shops],
            "wall": self._server.wall,
        }

    def _line(self, shop: Citizen) -> dict[str, str]:
        return {
            "channel": self.channel,
            "handle": self._server.handle(shop.login),
            "name": shop.shown,
            "homeserver": self._server.url,
            "password": self._server.password(shop.login),
            "wall": self._server.wall if shop is self.shops[0] else "",
        }
