"""One live bot: its gateway or its webhook, what it sends and posts."""

import asyncio
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.gateway import Fate, Gateway, Turnstile
from menting.channels.http import Http, proven_not_sent
from menting.channels.qq import events, forms, intents
from menting.channels.qq.events import Bot
from menting.channels.qq.sending import Sending
from menting.channels.qq.wire import Wire

#: What a webhook's session is stored with: there is nothing to resume.
NO_PLACE = b"{}"
MOST_CODE = 32  # characters of `callback_data`

#: By close code; 4004 is not in the table of the wiki, but Tencent's own SDKs take it
#: for a token that is not valid.
CLOSES = {
    4001: Fate.FATAL,
    4002: Fate.FATAL,
    4004: Fate.RENEW,
    4006: Fate.IDENTIFY,
    4007: Fate.IDENTIFY,
    4008: Fate.RESUME,
    4009: Fate.RESUME,
    **dict.fromkeys(range(4010, 4013), Fate.FATAL),
    4013: Fate.NARROW,
    4014: Fate.NARROW,
    **dict.fromkeys(range(4900, 4914), Fate.IDENTIFY),
    4914: Fate.BANNED,  # taken off line: only the sandbox is open to it
    4915: Fate.BANNED,
}


class Side:
    """What QQ has of its own in the gateway protocol."""

    __slots__ = ("_bot", "_given", "_wire", "intents")

    closes = CLOSES

    def __init__(self, wire: Wire, bot: Bot, asked: int) -> None:
        self._wire, self._bot, self.intents = wire, bot, asked
        self._given = ""

    async def url(self) -> str:
        """Return where to begin. Raises Throttled when no session may begin today."""
        with proven_not_sent():
            told = await self._wire.call("GET", "/gateway/bot")
        limit = told.get("session_start_limit")
        if isinstance(limit, dict) and limit.get("remaining") == 0:
            wait = limit.get("reset_after")
            seconds = wait / 1000 if isinstance(wait, int) else 3600.0
            raise base.Throttled("no more sessions today", retry_after=seconds)
        if not isinstance(told.get("url"), str):
            raise base.Unreachable("QQ names no gateway")
        return str(told["url"])

    async def token(self, *, renew: bool) -> str:
        """Return what Identify and Resume call the token."""
        self._given = await self._wire.token.get(refused=self._given if renew else "")
        return f"QQBot {self._given}"

    def identity(self, token: str, asked: int) -> dict[str, Any]:
        """Return one shard of one, with the intents asked for."""
        return {"token": token, "intents": asked, "shard": [0, 1], "properties": {}}

    def narrowed(self, refused: int) -> int:
        """Return what is left to be asked for."""
        return intents.narrowed(self.intents, refused)

    def hear(self, kind: str, body: Any, envelope: str) -> list[base.Event]:
        """Return the events of a dispatch."""
        return events.tell(kind, body, envelope=envelope, bot=self._bot)


class QQSession(base.Session):
    """A bot that is signed in; `QQ.open` makes it."""

    __slots__ = ("_gateway", "_profile", "_sending", "_wall", "_wire")

    def __init__(
        self, wire: Wire, profile: base.Profile, sending: Sending, wall: str
    ) -> None:
        self._wire, self._profile, self._sending = wire, profile, sending
        self._wall = wall
        self._gateway: Gateway | None = None

    def through(self, http: Http, side: Side, turnstile: Turnstile) -> "QQSession":
        """Listen to a gateway. Without one, webhooks bring the events."""
        self._gateway = Gateway(http, side, turnstile)
        return self

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        caps = Cap.PROFILE | Cap.TEXT | Cap.IMAGE | Cap.FOLLOW | Cap.JOIN | Cap.INVITE
        if self._wall:
            caps |= Cap.WALL
        return caps | Cap.BUTTON if self._sending.has_buttons else caps

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        if self._gateway is not None:
            await self._gateway.listen(deliver, resume)
        if not resume:
            await deliver([], NO_PLACE)
        while True:
            # A secret that is changed at QQ is so learned of within two hours.
            await self._wire.token.get()
            await asyncio.sleep(self._wire.token.seconds_left())

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        """Return the id alone: QQ shows a bot no name or picture of a person."""
        return base.Profile(person, scope=self._profile.id)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        return await self._sending.send(to, message)

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        if not self._wall or wall.id != self._wall:
            raise base.Unsupported("this is not the bot's forum")
        path = f"/channels/{quote(wall.id, safe='')}/threads"
        told = await self._wire.call("PUT", path, forms.thread(message))
        if not isinstance(told.get("task_id"), str):
            raise base.Uncertain("QQ took it but named no task")
        return base.Receipt(told["task_id"], clock.now())

    @override
    async def invite(self, code: str) -> str:
        if len(code) > MOST_CODE:
            raise base.Refused(f"a code has at most {MOST_CODE} characters")
        with proven_not_sent():
            told = await self._wire.call(
                "POST", "/v2/generate_url_link", {"callback_data": code}
            )
        said = told.get("data")
        url = said.get("url") if isinstance(said, dict) else None
        if not isinstance(url, str):
            raise base.Unreachable("QQ made no link")
        return url

    @override
    async def close(self) -> None:
        """Do nothing: connections and token belong to the channel."""
