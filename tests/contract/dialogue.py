"""A conversation that a person opened, where an account may answer."""

from typing import NamedTuple

from menting.channels import base
from menting.channels.base import Outgoing
from tests.contract.matrix import MatrixHuman
from tests.contract.rig import at


class Dialogue(NamedTuple):
    """A person has written, and the account may answer."""

    session: base.Session
    account: base.Account
    human: MatrixHuman
    place: str

    async def send(self, key: str, text: str = "once") -> base.Receipt:
        """Answer."""
        return await self.session.send(at(self.place), Outgoing(key, text))

    async def received(self) -> list[str]:
        """Return what the platform holds of the answers."""
        return await self.human.received(self.place, self.account)
