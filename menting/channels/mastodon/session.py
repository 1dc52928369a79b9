"""One live Mastodon account: a stream that says when to look, and calls that send."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from typing_extensions import override

from menting.channels import base
from menting.channels.base import Cap
from menting.channels.mastodon.notices import PUBLIC, Notices, order
from menting.channels.mastodon.statuses import Draft, Statuses
from menting.channels.mastodon.wire import Wire

CAPS = Cap.PROFILE | Cap.TEXT | Cap.WALL | Cap.IMAGE | Cap.FOLLOW
#: A frame that ends a stream.
_ENDS = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}
    | {aiohttp.WSMsgType.ERROR}
)


#: A look at the notifications when the stream is silent.
LOOK_SECONDS = 60.0


class Host:
    """The accounts that listen at one server, whose looks share the calls of one IP."""

    def __init__(self) -> None:
        self._listening = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Count one more within the block."""
        self._listening += 1
        try:
            yield
        finally:
            self._listening -= 1

    def pause(self, each: float) -> float:
        """Return seconds between an account's looks, when one may look every `each`."""
        return max(LOOK_SECONDS, each * self._listening)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the server and the roster lay down for a session."""

    host: Host
    #: Seconds between two looks of any accounts at the host.
    each: float
    streaming: str
    visibility: str


class MastodonSession(base.Session):
    """An account that is signed in; `Mastodon.open` makes it."""

    def __init__(
        self, wire: Wire, profile: base.Profile, statuses: Statuses, terms: Terms
    ) -> None:
        self._wire, self._profile, self._statuses = wire, profile, statuses
        self._notices = Notices(wire, profile.id)
        self._terms = terms

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        return CAPS

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        # Before the first look, so that nothing falls between them.
        stream = await self._wire.stream(self._terms.streaming)
        try:
            with self._terms.host.listening():
                await self._follow(stream, deliver, resume.decode())
        finally:
            if stream is not None:
                await stream.close()

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        query = {"acct": person.removeprefix("@")}
        try:
            told = await self._wire.one("GET", "/api/v1/accounts/lookup", query=query)
        except base.Refused:
            return base.Profile(person)
        return profile_of(person, told)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        person = to.id.removeprefix(PUBLIC)
        if not person.startswith("@") or person.count("@") != 2:
            raise base.Refused("this is not a person of Mastodon")
        # What was said before others is answered to the person alone.
        answers = message.answers.id.partition(":")[2] if message.answers else ""
        return await self._statuses.write(Draft("direct", person, answers), message)

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        if wall.id not in ("", self._profile.id):
            raise base.Unsupported("this is not the account's wall")
        return await self._statuses.write(Draft(self._terms.visibility), message)

    @override
    async def close(self) -> None:
        """Do nothing: the connections belong to the channel, the token stays good."""

    async def _follow(
        self,
        stream: aiohttp.ClientWebSocketResponse | None,
        deliver: base.Deliver,
        place: str,
    ) -> None:
        if not place:
            place = await self._notices.newest()
            await deliver([], place.encode())
        while True:
            place = await self._notices.pull(place, deliver)
            await self._until_news(stream, place)

    async def _until_news(
        self, stream: aiohttp.ClientWebSocketResponse | None, place: str
    ) -> None:
        """Wait for a notification after `place`, or until a look is due anyway.

        What is filtered away from the stream, or lost in it, is found by that look.
        """
        pause = self._terms.host.pause(self._terms.each)
        if stream is None:
            await asyncio.sleep(pause)
            return
        try:
            async with asyncio.timeout(pause):
                while not _is_news(await stream.receive(), place):
                    pass
        except TimeoutError:
            return


def profile_of(person: str, told: dict[str, Any]) -> base.Profile:
    """Return what a server shows of an account."""
    name, avatar = told.get("display_name"), told.get("avatar")
    return base.Profile(
        person,
        name=name if isinstance(name, str) and name else None,
        avatar=avatar if isinstance(avatar, str) else None,
    )


def _is_news(frame: aiohttp.WSMessage, place: str) -> bool:
    """Say whether a frame tells of something not yet pulled. Raises Unreachable."""
    if frame.type in _ENDS:
        raise base.Unreachable("the stream was closed")
    try:
        told = json.loads(frame.data)
        if told["event"] != "notification":
            return bool(told["event"] == "notifications_merged")
        return order(str(json.loads(told["payload"])["id"])) > order(place)
    except (ValueError, TypeError, KeyError, RecursionError):
        return True  # not understood: look, for the list is the truth
