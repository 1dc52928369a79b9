"""An account's session as one address of a component."""

from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element

from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap, EventType
from menting.channels.xmpp import card, inbox, post, xml
from menting.channels.xmpp.component import Component
from menting.channels.xmpp.inbox import Inbox, Item
from menting.channels.xmpp.post import Ids
from menting.channels.xmpp.reading import Reader

#: There is no archive to go on from: the server tells a component only once.
NO_PLACE = b"{}"


class AddressSession(base.Session):
    """An address that is attached to its component."""

    def __init__(
        self,
        account: base.Account,
        component: Component,
        *,
        accepts: bool,
        let_go: Callable[["AddressSession"], Awaitable[None]],
    ) -> None:
        self.handle, self.component = account.handle, component
        self._accepts, self._let_go = accepts, let_go
        self._profile = base.Profile(account.handle, name=account.name or None)
        self._ids = Ids(account.handle, account.secret["component_secret"])
        self._reader = Reader(account.handle)
        self._inbox = Inbox()

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        return Cap.PROFILE | Cap.TEXT | Cap.FOLLOW

    def hear(self, stanza: Element) -> None:
        """Take in what people tell; called by the component."""
        if stanza.get("type") == "probe":
            self._tell("presence", stanza.get("from", ""))
            return
        item = inbox.read(stanza, self._reader, self._ids)
        if item is not None:
            self._inbox.put(item)

    def lose(self) -> None:
        """Hear that the connection is gone; called by the component."""
        self._inbox.wake()

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        if not resume:
            await deliver([], NO_PLACE)
        wire = self.component.wire
        while not wire.lost or self._inbox:
            await self._inbox.wait(None)
            while batch := self._inbox.batch():
                await deliver([item.event for item in batch], NO_PLACE)
                self._inbox.stored(len(batch))
                self._answer(batch)
        raise base.Unreachable(wire.lost)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        return await card.fetch(self.component.wire, person, asker=self.handle)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        if message.again:
            raise base.Uncertain("a component has no archive to look in")
        wire, known = self.component.wire, self._ids.of(to.id, message.key)
        written = post.message(wire.space, to=to.id, known=known, text=message.text)
        written.set("from", self.handle)
        await wire.send(written)
        return base.Receipt(known, clock.now())

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        raise base.Unsupported("an address of a component has no wall")

    @override
    async def close(self) -> None:
        await self._let_go(self)

    def _answer(self, batch: list[Item]) -> None:
        """Keep no roster: let those follow who ask to, and bid farewell to who leaves."""
        if self.component.wire.lost:
            return
        for item in batch:
            event = item.event
            if event.type is EventType.JOINED and self._accepts:
                self._tell("presence", event.peer.id, type="subscribed")
                self._tell("presence", event.peer.id)
            elif event.type is EventType.LEFT:
                self._tell("presence", event.peer.id, type="unsubscribed")

    def _tell(self, name: str, to: str, **attributes: str) -> None:
        stanza = xml.stanza(xml.COMPONENT, name, to, **attributes)
        stanza.set("from", self.handle)
        self.component.wire.tell(stanza)
