"""A person with an XMPP account, who shares no code with the channel."""

import asyncio
import contextlib
import itertools
from typing import Any
from xml.etree import ElementTree as ET

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from menting.cli.demo.prosody import Prosody
from menting.cli.demo.prosody_lua import HOST

MAM = "urn:xmpp:mam:2"
PUBSUB = "http://jabber.org/protocol/pubsub"
ATOM = "http://www.w3.org/2005/Atom"
PATIENCE_SECONDS = 10.0

_numbers = itertools.count(1)


class Person:
    """Somebody at a client of their own."""

    def __init__(self, server: Prosody, name: str, resource: str = "phone") -> None:
        self._port = server.ports.client
        self.id = server.handle(name)
        self._nick = ""
        self._client: Any = slixmpp.ClientXMPP(
            f"{self.id}/{resource}", server.password(name)
        )
        self._client.enable_direct_tls = self._client.enable_starttls = False
        self._client.enable_plaintext = True
        self._client.plugin["feature_mechanisms"].unencrypted_scram = True
        #: What came in: texts, kinds of presence, errors.
        self.heard: list[tuple[str, str, str]] = []
        self._news = asyncio.Event()
        self._client.add_event_handler("message", self._message)
        self._client.add_event_handler("message_error", self._error)
        for kind in ("subscribe", "subscribed", "unsubscribe", "unsubscribed", "available"):
            self._client.add_event_handler(f"presence_{kind}", self._presence)
        in_archive = MatchXPath(f"{{jabber:client}}message/{{{MAM}}}result")
        self._client.register_handler(Callback("archive", in_archive, self._result))
        self._results: list[tuple[str, str]] = []
        self._client.client_roster.auto_subscribe = False

    async def sign_in(self) -> None:
        """Come online."""
        self._client.connect("127.0.0.1", self._port)
        await self._client.wait_until("session_start", PATIENCE_SECONDS)
        await self._client.get_roster()  # else some kinds of presence are not told
        self._client.send_presence()
        await self.sync()

    async def sign_out(self) -> None:
        """Go offline."""
        await self._client.disconnect()

    async def sync(self) -> None:
        """Wait until the server has dealt with all that was said before."""
        iq = self._client.make_iq_get(ito=HOST)
        iq.append(ET.Element("{urn:xmpp:ping}ping"))
        with contextlib.suppress(slixmpp.exceptions.IqError):
            await iq.send(timeout=PATIENCE_SECONDS)

    async def say(self, to: str, text: str, *more: str, kind: str = "chat") -> str:
        """Write a text, with further elements, and return the message's id."""
        known = f"m{next(_numbers)}"
        message = ET.Element("{jabber:client}message", to=to, type=kind, id=known)
        if text:
            ET.SubElement(message, "{jabber:client}body").text = text
        if self._nick:
            nick = ET.SubElement(message, "{http://jabber.org/protocol/nick}nick")
            nick.text = self._nick
        for markup in more:
            message.append(ET.fromstring(markup))  # noqa: S314  # our own text
        self._client.send_xml(message)
        await self.sync()
        return known

    async def presence(self, to: str, kind: str) -> None:
        """Ask to follow (subscribe), stop (unsubscribe), and their like."""
        self._client.send_presence(pto=to, ptype=kind)
        await self.sync()

    async def follow(self, whom: str) -> None:
        """Ask to follow, and wait until it is granted."""
        await self.presence(whom, "subscribe")
        await self.until(("subscribed", whom, ""))

    async def rename(self, name: str) -> None:
        """Take another name: in the vCard, and beside each message from now on."""
        self._nick = name
        iq = self._client.make_iq_set()
        card = ET.Element("{vcard-temp}vCard")
        ET.SubElement(card, "{vcard-temp}FN").text = name
        iq.append(card)
        await iq.send(timeout=PATIENCE_SECONDS)

    async def card_of(self, whom: str) -> str:
        """Return the name on a vCard."""
        iq = self._client.make_iq_get(ito=whom)
        iq.append(ET.Element("{vcard-temp}vCard"))
        told = await iq.send(timeout=PATIENCE_SECONDS)
        return str(told.xml.findtext("{vcard-temp}vCard/{vcard-temp}FN"))

    async def block(self, whom: str) -> None:
        """Take no more messages from an address (XEP-0191)."""
        iq = self._client.make_iq_set()
        block = ET.Element("{urn:xmpp:blocking}block")
        ET.SubElement(block, "{urn:xmpp:blocking}item", jid=whom)
        iq.append(block)
        await iq.send(timeout=PATIENCE_SECONDS)

    async def read(self, sender: str) -> list[str]:
        """Return what the server keeps of the texts that a sender wrote to this person."""
        iq = self._client.make_iq_set()
        query = ET.Element(f"{{{MAM}}}query", queryid="q")
        form = ET.SubElement(query, "{jabber:x:data}x", type="submit")
        for name, value in (("FORM_TYPE", MAM), ("with", sender)):
            field = ET.SubElement(form, "{jabber:x:data}field", var=name)
            ET.SubElement(field, "{jabber:x:data}value").text = value
        iq.append(query)
        self._results = []
        await iq.send(timeout=PATIENCE_SECONDS)
        return [text for whose, text in self._results if whose == sender]

    async def blog(self, whom: str) -> list[tuple[str, str]]:
        """Return the ids and texts of somebody's microblog, the oldest first."""
        iq = self._client.make_iq_get(ito=whom)
        pubsub = ET.Element(f"{{{PUBSUB}}}pubsub")
        ET.SubElement(pubsub, f"{{{PUBSUB}}}items", node="urn:xmpp:microblog:0")
        iq.append(pubsub)
        told = await iq.send(timeout=PATIENCE_SECONDS)
        items = told.xml.iter(f"{{{PUBSUB}}}item")
        title = f"{{{ATOM}}}entry/{{{ATOM}}}title"
        return [(item.get("id"), item.findtext(title)) for item in items]

    async def publish(self, known: str, text: str) -> None:
        """Post to the own microblog, as a client does that wants followers alone to see."""
        iq = self._client.make_iq_set()
        pubsub = ET.Element(f"{{{PUBSUB}}}pubsub")
        publish = ET.SubElement(pubsub, f"{{{PUBSUB}}}publish", node="urn:xmpp:microblog:0")
        item = ET.SubElement(publish, f"{{{PUBSUB}}}item", id=known)
        entry = ET.SubElement(item, f"{{{ATOM}}}entry")
        ET.SubElement(entry, f"{{{ATOM}}}title").text = text
        iq.append(pubsub)
        await iq.send(timeout=PATIENCE_SECONDS)

    async def until(self, wanted: tuple[str, str, str]) -> None:
        """Wait until (kind, from whom, text) has come in."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while wanted not in self.heard:
                self._news.clear()
                await self._news.wait()

    def _result(self, stanza: Any) -> None:
        for message in stanza.xml.iter("{jabber:client}message"):
            if text := message.findtext("{jabber:client}body"):
                self._results.append((message.get("from").partition("/")[0], text))

    def _message(self, stanza: Any) -> None:
        self._keep("message", stanza, str(stanza["body"]))

    def _error(self, stanza: Any) -> None:
        self._keep("error", stanza, str(stanza["error"]["condition"]))

    def _presence(self, stanza: Any) -> None:
        self._keep(str(stanza["type"]), stanza, "")

    def _keep(self, kind: str, stanza: Any, text: str) -> None:
        self.heard.append((kind, str(stanza["from"].bare), text))
        self._news.set()
