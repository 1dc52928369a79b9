"""What Discord has of its own in the gateway protocol."""

from typing import Any

from menting.channels import base
from menting.channels.discord import events, intents
from menting.channels.discord.limits import Route
from menting.channels.discord.wire import Wire
from menting.channels.gateway import Fate
from menting.channels.http import proven_not_sent

#: The gateway that is begun at and the one that is resumed at want the same version.
QUERY = "/?v=10&encoding=json"
#: https://docs.discord.com/developers/topics/opcodes-and-status-codes
CLOSES = {
    4003: Fate.IDENTIFY,
    4004: Fate.FATAL,
    4007: Fate.IDENTIFY,
    4009: Fate.IDENTIFY,
    **dict.fromkeys(range(4010, 4013), Fate.FATAL),
    4013: Fate.NARROW,
    4014: Fate.NARROW,
}
DAY_SECONDS = 86_400.0


class Side:
    """One bot's side; see `gateway.Side`."""

    __slots__ = ("_guild", "_me", "_token", "_wire", "intents")

    closes = CLOSES

    def __init__(self, wire: Wire, token: str, *, me: str, guild: str, asked: int) -> None:
        self._wire, self._token = wire, token
        self._me, self._guild, self.intents = me, guild, asked

    async def url(self) -> str:
        """Return where to begin. Raises Throttled when no session may begin today."""
        with proven_not_sent():
            try:
                told = await self._wire.call(Route("GET", "/gateway/bot"))
            except base.Refused as error:
                raise base.Unreachable(str(error)) from error
        limit = told.get("session_start_limit")
        if isinstance(limit, dict) and limit.get("remaining") == 0:
            wait = limit.get("reset_after")
            seconds = wait / 1000 if isinstance(wait, int) else DAY_SECONDS
            raise base.Throttled("no more sessions today", retry_after=seconds)
        if not isinstance(told.get("url"), str):
            raise base.Unreachable("Discord names no gateway")
        return f"{told['url'].rstrip('/')}{QUERY}"

    async def token(self, *, renew: bool) -> str:
        """Return the bot's token, which is never renewed."""
        return self._token

    def identity(self, token: str, asked: int) -> dict[str, Any]:
        """Return what Identify says."""
        properties = {"os": "linux", "browser": "menting", "device": "menting"}
        return {"token": token, "intents": asked, "properties": properties}

    def narrowed(self, refused: int) -> int:
        """Return what anybody may ask for."""
        return intents.narrowed(refused)

    def hear(self, kind: str, body: Any, envelope: str) -> list[base.Event]:
        """Return the events of a dispatch."""
        return events.tell(kind, body, me=self._me, guild=self._guild)
