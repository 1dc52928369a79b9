"""A component's stream (XEP-0114): all addresses of one domain over one connection."""

import asyncio
import hmac
from xml.etree.ElementTree import Element

from slixmpp.componentxmpp import ComponentXMPP
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.stanzabase import StanzaBase

from menting.channels import base
from menting.channels.xmpp import reading, xml
from menting.channels.xmpp.stream import Attempt, Stream
from menting.channels.xmpp.wire import Owner, Wire

#: A silence of that long is broken by a word to ourselves.
PING_SECONDS = 120.0


class Line(Stream, ComponentXMPP):
    """The connection itself: plain by its protocol, so to this machine alone."""


class Component:
    """One domain's connection, kept as long as one of its addresses is attached."""

    def __init__(self, domain: str, secret: str) -> None:
        self.domain = domain
        self._secret = secret
        self._owners: dict[str, Owner] = {}
        self._names: dict[str, str] = {}
        # slixmpp's constructor is not typed.
        self._line = Line(domain, secret)  # type: ignore[no-untyped-call]
        self.wire = self._line.wire = Wire(self._line, self)
        card = MatchXPath(f"{{{xml.COMPONENT}}}iq/{{{xml.VCARD}}}vCard")
        self._line.register_handler(Callback("Card", card, self._show))
        self._watch: asyncio.Task[None] | None = None

    async def connect(self, host: str, port: int) -> None:
        """Sign in. Raises AuthFailed or Unreachable."""
        await Attempt(self._line).run(host, port)
        self._watch = asyncio.create_task(self._keep_alive(), name="xmpp component")

    def attach(self, account: base.Account, owner: Owner, *, secret: str) -> None:
        """Let an address be heard. Raises AuthFailed for another secret than the one."""
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            raise base.AuthFailed("another component secret than its domain's connection")
        self._owners[account.handle] = owner
        self._names[account.handle] = account.name

    def detach(self, handle: str, owner: Owner) -> bool:
        """Let an address go; tell whether it was the last."""
        if self._owners.get(handle) is owner:
            del self._owners[handle], self._names[handle]
        return not self._owners

    async def close(self) -> None:
        """Close the connection."""
        if self._watch is not None:
            self._watch.cancel()
        await self._line.close()

    def hear(self, stanza: Element) -> None:
        """Give a stanza to the address that it is for; called by the wire."""
        owner = self._owners.get(reading.bare(stanza.get("to")))
        if owner is not None:
            owner.hear(stanza)
        elif xml.name_of(stanza) == "message" and stanza.get("type") != "error":
            self._send_back(stanza)

    def lose(self) -> None:
        """Let every address know; called by the wire."""
        for owner in list(self._owners.values()):
            owner.lose()

    def _send_back(self, message: Element) -> None:
        """Tell who wrote that nobody read it: the program keeps no mail for others."""
        answer = xml.stanza(xml.COMPONENT, "message", message.get("from", ""), type="error")
        answer.set("from", message.get("to", ""))
        answer.set("id", message.get("id", ""))
        error = xml.child(answer, xml.COMPONENT, "error", type="wait")
        xml.child(error, xml.ERRORS, "recipient-unavailable")
        self.wire.tell(answer)

    def _show(self, asked: StanzaBase) -> None:
        """Show an address's name: a component is its own server of vCards."""
        iq = asked.xml
        name = self._names.get(reading.bare(iq.get("to")))
        if iq.get("type") != "get":
            return
        answer = xml.stanza(xml.COMPONENT, "iq", iq.get("from", ""), type="result")
        answer.set("from", iq.get("to", ""))
        answer.set("id", iq.get("id", ""))
        card = xml.child(answer, xml.VCARD, "vCard")
        if name:
            xml.child(card, xml.VCARD, "FN", name)
        self.wire.tell(answer)

    async def _keep_alive(self) -> None:
        while not self.wire.lost:
            await asyncio.sleep(PING_SECONDS)
            try:
                await self.wire.echo()
            except base.ChannelError:
                self._line.drop()
