"""An account's microblog (XEP-0277 over XEP-0163): its own wall, open to everybody."""

from datetime import UTC
from xml.etree.ElementTree import Element

from menting.base import clock
from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.xmpp import xml
from menting.channels.xmpp.wire import Wire

NODE = "urn:xmpp:microblog:0"
OPTIONS = f"{xml.PUBSUB}#publish-options"
OWNER = f"{xml.PUBSUB}#owner"
#: Without them only followers see the wall, and Prosody keeps one post, the last.
CONFIG = {
    "pubsub__access_model": "open",
    "pubsub__persist_items": "true",
    "pubsub__max_items": "max",
}


class Wall:
    """A client's microblog; a post's id comes of its key, so that it stands there once."""

    def __init__(self, wire: Wire, me: str) -> None:
        self._wire, self._me = wire, me

    async def post(self, known: str, message: base.Outgoing) -> None:
        """Publish, and read back: servers drop posts and say nothing.

        Raises Refused when it does not stand there afterwards.
        """
        if message.again:
            with proven_not_sent():
                if await self._stands(known):
                    return
        try:
            await self._publish(known, message.text)
        except base.Refused as error:
            if str(error) != "conflict":
                raise
            # The wall was there before, with other rules (precondition-not-met).
            await self._open_to_all()
            await self._publish(known, message.text)
        if not await self._stands(known):
            raise base.Refused("the server took the post and did not keep it")

    async def _publish(self, known: str, text: str) -> None:
        iq = xml.stanza(self._wire.space, "iq", type="set")
        pubsub = xml.child(iq, xml.PUBSUB, "pubsub")
        publish = xml.child(pubsub, xml.PUBSUB, "publish", node=NODE)
        item = xml.child(publish, xml.PUBSUB, "item", id=known)
        item.append(self._entry(known, text))
        options = xml.child(pubsub, xml.PUBSUB, "publish-options")
        xml.form(options, OPTIONS, **CONFIG)
        await self._wire.ask(iq)

    def _entry(self, known: str, text: str) -> Element:
        entry = Element(f"{{{xml.ATOM}}}entry")
        now = f"{clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        xml.child(entry, xml.ATOM, "id", f"xmpp:{self._me}?;node={NODE};item={known}")
        xml.child(entry, xml.ATOM, "title", text, type="text")
        xml.child(entry, xml.ATOM, "published", now)
        xml.child(entry, xml.ATOM, "updated", now)
        author = xml.child(entry, xml.ATOM, "author")
        xml.child(author, xml.ATOM, "uri", f"xmpp:{self._me}")
        return entry

    async def _open_to_all(self) -> None:
        iq = xml.stanza(self._wire.space, "iq", type="set")
        pubsub = xml.child(iq, OWNER, "pubsub")
        configure = xml.child(pubsub, OWNER, "configure", node=NODE)
        xml.form(configure, f"{xml.PUBSUB}#node_config", **CONFIG)
        with proven_not_sent():
            await self._wire.ask(iq)

    async def _stands(self, known: str) -> bool:
        iq = xml.stanza(self._wire.space, "iq", type="get")
        pubsub = xml.child(iq, xml.PUBSUB, "pubsub")
        items = xml.child(pubsub, xml.PUBSUB, "items", node=NODE)
        xml.child(items, xml.PUBSUB, "item", id=known)
        try:
            told = await self._wire.ask(iq)
        except base.Refused as error:
            if str(error) == "item-not-found":
                return False
            raise
        path = [(xml.PUBSUB, name) for name in ("pubsub", "items", "item")]
        item = xml.part(told, *path)
        return item is not None and item.get("id") == known
