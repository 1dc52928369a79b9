"""What the tests of Discord do again and again."""

import dataclasses
from typing import Any

from menting.channels import base
from menting.channels.base import Outgoing
from tests.contract.discord import DiscordRig
from tests.contract.rig import Vault
from tests.fakes.discord_state import Bot

GUILD = "1180123456789012345"


def with_options(account: base.Account, **options: str) -> base.Account:
    return dataclasses.replace(account, options={**account.options, **options})


def bot_of(rig: DiscordRig, account: base.Account) -> Bot:
    return rig.discord.bots[account.secret["token"]]


async def sign_in(rig: DiscordRig, account: base.Account) -> base.Session:
    return await rig.channel.open(account, Vault().keep)


@dataclasses.dataclass(slots=True)
class Talk:
    """A session and a person who wrote to it."""

    rig: DiscordRig
    account: base.Account
    session: base.Session
    asked: base.Event

    async def send(self, key: str = "k", **more: Any) -> base.Receipt:
        """Write to the person."""
        return await self.session.send(self.asked.peer, Outgoing(key, "hello", **more))

    def last(self) -> dict[str, Any]:
        """Return what Discord holds of it."""
        return self.bot().channels[self.asked.peer.id].messages[-1]

    def bot(self) -> Bot:
        """Return the account as Discord knows it."""
        return bot_of(self.rig, self.account)
