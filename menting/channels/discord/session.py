"""One live Discord bot: its gateway, and the calls that send."""

from typing import Any

import msgspec
from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.discord import events, forms, intents
from menting.channels.discord.limits import Route
from menting.channels.discord.wall import Kind, Wall
from menting.channels.discord.wire import Wire
from menting.channels.gateway import Gateway


class DiscordSession(base.Session):
    """A bot that is signed in; `Discord.open` makes it."""

    def __init__(
        self, wire: Wire, profile: base.Profile, gateway: Gateway, *, wall: str, caps: Cap
    ) -> None:
        self._wire, self._profile, self._gateway = wire, profile, gateway
        self._wall, self._caps = Wall(wire, wall), caps

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        """Return fewer where the gateway did not grant who comes and goes."""
        is_granted = self._gateway.intents & intents.MEMBERS
        return self._caps if is_granted else self._caps & ~Cap.JOIN

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        await self._gateway.listen(deliver, resume)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        if not events.SNOWFLAKE.fullmatch(person):
            return base.Profile(person)
        try:
            told = await self._wire.call(Route("GET", "/users/{}", (person,)))
        except base.Refused:
            return base.Profile(person)
        return shaped(told)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        """Write where an event came from; no call here opens a conversation.

        "DMs should generally be initiated by a user action"
        (https://docs.discord.com/developers/resources/user#create-dm).
        """
        if not events.SNOWFLAKE.fullmatch(to.id):
            raise base.Refused("a conversation has a number")
        route = Route("POST", "/channels/{}/messages", (to.id,))
        return await self._write(route, forms.message(message), message)

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        if await self._wall.kind(wall.id) is Kind.MESSAGES:
            return await self.send(wall, message)
        route = Route("POST", "/channels/{}/threads", (wall.id,))
        return await self._write(route, forms.thread(message), message)

    @override
    async def close(self) -> None:
        """Do nothing: the connections belong to the channel, the token stays good."""

    async def _write(
        self, route: Route, body: dict[str, Any], message: base.Outgoing
    ) -> base.Receipt:
        if message.image is None:
            told = await self._wire.call(route, body)
        else:
            form = forms.with_file(body, message.image)
            told = await self._wire.call(route, form=form)
        if not isinstance(told.get("id"), str):
            raise base.Uncertain("Discord took it but named no message")
        return base.Receipt(told["id"], clock.now())


def shaped(told: dict[str, Any]) -> base.Profile:
    """Return the profile of a user object. Raises Uncertain when it is none."""
    try:
        return events.profile(events.user(told))
    except msgspec.ValidationError as error:
        raise base.Uncertain("Discord's answer has another form") from error
