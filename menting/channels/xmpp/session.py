"""An account's session over its own stream: what it hears, sends and posts."""

import asyncio
import random
from xml.etree.ElementTree import Element

import msgspec
from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap, EventType
from menting.channels.http import proven_not_sent
from menting.channels.xmpp import card, inbox, post, xml
from menting.channels.xmpp.archive import Archive, Place
from menting.channels.xmpp.client import Client
from menting.channels.xmpp.inbox import Inbox, Item
from menting.channels.xmpp.post import Ids
from menting.channels.xmpp.reading import Reader
from menting.channels.xmpp.wall import Wall

#: After a silence of about this long a session asks whether anybody is there.
PING_SECONDS = 180.0
#: A router on the way forgets a quiet connection; all at once would be a herd.
JITTER = 0.25


class ClientSession(base.Session):
    """An account that is signed in with a stream of its own; `sign_in` makes it."""

    def __init__(self, account: base.Account, *, ids: Ids, accepts: bool) -> None:
        self._me, self._ids, self._accepts = account.handle, ids, accepts
        self._profile = base.Profile(account.handle)
        self._inbox = Inbox()
        self._reader = Reader(account.handle)
        self._archive: Archive | None = None
        self._wall: Wall | None = None
        self._client: Client

    async def begin(self, client: Client, *, wants_wall: bool) -> None:
        """Learn what the server can do for the account. Raises a ChannelError."""
        self._client = client
        wire = client.wire
        with proven_not_sent():
            able, self._profile = await asyncio.gather(
                card.features(wire, self._me), card.fetch(wire, self._me)
            )
        if xml.ARCHIVE in able:
            self._archive = Archive(wire)
            self._reader = Reader(self._me, archives=True)
        if wants_wall and "pubsub/pep" in able:
            self._wall = Wall(wire, self._me)
        # A "stop" that is written to another device of the account must be heard; a server
        # without carbons says no, and nobody waits for it.
        enable = xml.stanza(wire.space, "iq", type="set", id="carbons")
        xml.child(enable, xml.CARBONS, "enable")
        wire.tell(enable)

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        walls = Cap.WALL if self._wall else Cap(0)
        return Cap.PROFILE | Cap.TEXT | Cap.FOLLOW | walls

    def hear(self, stanza: Element) -> None:
        """Take in what the server tells of people; called by the wire."""
        if self._archive is not None and self._archive.hear(stanza):
            return
        item = inbox.read(stanza, self._reader, self._ids)
        if item is not None:
            self._client.wire.acks.hold()
            self._inbox.put(item)

    def lose(self) -> None:
        """Hear that the stream is gone; called by the wire."""
        self._inbox.wake()

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        # The archive is asked after the presence: from there on all is live. (Prosody keeps
        # what waited for an account back from who has asked its archive before.)
        self._appear()
        first = msgspec.json.decode(resume, type=Place) if resume else Place(at=clock.now())
        place = await self._catch_up(deliver, first)
        if not resume and place is first:
            await deliver([], _token(place))
        while True:
            if not await self._inbox.wait(_jittered(PING_SECONDS)):
                await self._client.wire.echo()
            place = await self._store(deliver, place)
            if self._client.wire.lost and not self._inbox:
                raise base.Unreachable(self._client.wire.lost)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        return await card.fetch(self._client.wire, person)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        wire, known = self._client.wire, self._ids.of(to.id, message.key)
        if message.again and (taken := await self._taken(to.id, message.key)):
            return base.Receipt(taken, clock.now())
        await wire.send(post.message(wire.space, to=to.id, known=known, text=message.text))
        return base.Receipt(known, clock.now())

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        if self._wall is None or wall.id not in ("", self._me):
            raise base.Unsupported("this is not the account's wall")
        known = self._ids.key(self._me, message.key)
        await self._wall.post(known, message)
        return base.Receipt(known, clock.now())

    @override
    async def close(self) -> None:
        await self._client.close()

    def _appear(self) -> None:
        """Say that the account is there, and wants to hear who follows it no more."""
        wire = self._client.wire
        # Servers tell who follows no more only to who asked for the roster; it is not read.
        roster = xml.stanza(wire.space, "iq", type="get", id="roster")
        xml.child(roster, xml.ROSTER, "query")
        wire.tell(roster)
        wire.tell(xml.stanza(wire.space, "presence"))

    async def _catch_up(self, deliver: base.Deliver, place: Place) -> Place:
        """Deliver what the archive holds after the place, and return the new one."""
        if self._archive is None:
            return place
        async for page in self._archive.since(place):
            told = [self._reader.archived(x.message, x.id, x.delay) for x in page.items]
            if page.items:
                place = Place(page.items[-1].id, clock.now())
                await deliver([event for event in told if event], _token(place))
        return place

    async def _store(self, deliver: base.Deliver, place: Place) -> Place:
        """Deliver what came in, then let the server forget it."""
        while batch := self._inbox.batch():
            for item in batch:
                place = Place(item.place, clock.now()) if item.place else place
            await deliver([item.event for item in batch], _token(place))
            self._inbox.stored(len(batch))
            self._client.wire.acks.let_go(len(batch))
            self._answer(batch)
        if self._client.wire.acks.has_news():
            self._client.wire.say(self._client.wire.acks.answer())
        return place

    def _answer(self, batch: list[Item]) -> None:
        """Let those follow who asked to; never follow them back."""
        wire = self._client.wire
        for item in batch:
            if item.event.type is EventType.JOINED and self._accepts and not wire.lost:
                to = item.event.peer.id
                wire.tell(xml.stanza(wire.space, "presence", to, type="subscribed"))

    async def _taken(self, person: str, key: str) -> str:
        """Return the id under which the server has a message; "" when it has it not."""
        if self._archive is None:
            raise base.Uncertain("the server keeps no archive to look in")
        try:
            return await self._archive.find(person, self._ids.key(person, key))
        except (base.Refused, base.Throttled) as error:
            raise base.Uncertain(f"cannot look in the archive: {error}") from error


def _token(place: Place) -> bytes:
    return msgspec.json.encode(place)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # no secret
