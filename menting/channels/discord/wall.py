"""A guild's channel or forum as an account's wall."""

from enum import Enum

from menting.channels import base
from menting.channels.discord.limits import Route
from menting.channels.discord.wire import Wire
from menting.channels.http import proven_not_sent


class Kind(Enum):
    """How a wall is written on."""

    MESSAGES = "messages"
    THREADS = "threads"


#: By the type of channel: text and announcements; forum and media.
KINDS = {0: Kind.MESSAGES, 5: Kind.MESSAGES, 15: Kind.THREADS, 16: Kind.THREADS}


class Wall:
    """The channel named as the account's wall, looked at before the first post."""

    def __init__(self, wire: Wire, channel: str) -> None:
        self._wire, self._channel = wire, channel
        self._kind: Kind | None = None

    async def kind(self, asked: str) -> Kind:
        """Return how to write on it.

        Raises Unsupported when `asked` is not this account's wall, and Refused when it
        is none that many may read.
        """
        if not self._channel or asked != self._channel:
            raise base.Unsupported("this is not the account's wall")
        if self._kind is None:
            self._kind = await self._look()
        return self._kind

    async def _look(self) -> Kind:
        with proven_not_sent():
            told = await self._wire.call(Route("GET", "/channels/{}", (self._channel,)))
        kind = KINDS.get(told.get("type", -1)) if told.get("guild_id") else None
        if kind is None:
            raise base.Refused("a wall must be a text channel or a forum of a guild")
        return kind
