"""A conversation that a person opened, where an account may answer."""

from typing import NamedTuple

from menting.channels import base
from menting.channels.base import Outgoing
from tests.contract.rig import AbleHuman, Heard, at


class Dialogue(NamedTuple):
    """A person has written, and the account may answer."""

    session: base.Session
    account: base.Account
    human: AbleHuman
    place: str
    heard: Heard

    async def send(
        self, key: str, text: str = "once", *, again: bool = False
    ) -> base.Receipt:
        """Write to the person."""
        return await self.session.send(at(self.place), Outgoing(key, text, again=again))

    async def received(self) -> list[str]:
        """Return what the platform holds of the answers."""
        return await self.human.received(self.place, self.account)
