"""People on XMPP, each at a client of their own. Run as a script (see `acting`)."""

import asyncio
import contextlib
import itertools
import logging
import ssl
import sys
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError
from typing_extensions import override

from menting.cli.demo.people import acting
from menting.cli.demo.people.acting import TroubleError
from menting.cli.demo.people.cast import Person

SIGN_IN_SECONDS = 30.0
ANSWER_SECONDS = 30
PUBSUB = "http://jabber.org/protocol/pubsub"
ATOM = "http://www.w3.org/2005/Atom"
MICROBLOG = "urn:xmpp:microblog:0"
VCARD = "vcard-temp"


class Phone:
    """One person's client."""

    def __init__(self, person: Person, *, port: int, marker: str) -> None:
        self._person, self._port, self._marker = person, port, marker
        self._numbers = itertools.count(1)
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Never used on this machine; each client would load the certificates else.
        unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client: Any = slixmpp.ClientXMPP(
            f"{person.user}/phone", person.password, ssl_context=unused
        )
        self._client.enable_direct_tls = self._client.enable_starttls = False
        self._client.enable_plaintext = True
        self._client.plugin["feature_mechanisms"].unencrypted_scram = True
        self._client.auto_authorize = None  # whoever asks to follow is counted only
        self._client.add_event_handler("message", self._hear)
        self._client.add_event_handler("message_error", self._end)
        self._client.add_event_handler("presence_subscribe", self._be_asked)
        self._client.add_event_handler("disconnected", self._end)

    async def sign_in(self) -> None:
        """Come online, with a name on the vCard."""
        self._client.connect("127.0.0.1", self._port)
        try:
            await self._client.wait_until("session_start", SIGN_IN_SECONDS)
        except TimeoutError:
            raise TroubleError(f"{self._person.user} could not sign in") from None
        await self._client.get_roster()  # else some kinds of presence are not told
        self._client.send_presence()
        iq = self._client.make_iq_set()
        card = ET.SubElement(iq.xml, f"{{{VCARD}}}vCard")
        ET.SubElement(card, f"{{{VCARD}}}FN").text = self._person.name
        await iq.send(timeout=ANSWER_SECONDS)

    def say(self, text: str) -> None:
        """Write to the shop."""
        message = self._client.make_message(self._person.shop, text, mtype="chat")
        message["id"] = f"m{next(self._numbers)}"
        message.send()

    async def last(self) -> None:
        """Wait until it is over, which is never planned. Raises TroubleError."""
        raise TroubleError(f"{self._person.user}: {await self._over}")

    async def blog(self, whom: str) -> list[str]:
        """Return what a stranger sees of somebody's microblog."""
        iq = self._client.make_iq_get(ito=whom)
        pubsub = ET.SubElement(iq.xml, f"{{{PUBSUB}}}pubsub")
        ET.SubElement(pubsub, f"{{{PUBSUB}}}items", node=MICROBLOG)
        try:
            told = await iq.send(timeout=ANSWER_SECONDS)
        except IqError:  # there is none, or it is not open
            return []
        titles = told.xml.iter(f"{{{ATOM}}}title")
        return [title.text or "" for title in titles]

    async def sign_out(self) -> None:
        """Go offline."""
        self._client.del_event_handler("disconnected", self._end)
        await self._client.disconnect(1.0)

    def _hear(self, stanza: Any) -> None:
        # Counted one by one: the server tells nothing again, so that each is a message.
        known = f"heard{next(self._numbers)}"
        is_marked = self._marker in str(stanza["body"])
        self._person.hear(known, sender=str(stanza["from"].bare), is_marked=is_marked)

    def _be_asked(self, _stanza: Any) -> None:
        self._person.approached += 1

    def _end(self, why: Any) -> None:
        if not self._over.done():
            self._over.set_result(f"the stream or a message failed: {why}")


class Xmpp(acting.Means):
    """Chats with the shops; anybody can read the wall."""

    #: Prosody hashes one password at a time.
    at_once = 8

    def __init__(self, told: dict[str, Any], people: list[Person]) -> None:
        self._wall, self._marker, self._reader = told["wall"], told["marker"], people[0]
        given = {"port": told["port"], "marker": self._marker}
        self._phones = {person: Phone(person, **given) for person in people}

    @override
    async def come(self, person: Person) -> None:
        await self._phones[person].sign_in()
        await self.say(person, person.greeting)

    @override
    async def say(self, person: Person, text: str) -> None:
        self._phones[person].say(text)

    @override
    async def listen(self, person: Person) -> None:
        await self._phones[person].last()

    @override
    async def wall_posts(self) -> int:
        texts = await self._phones[self._reader].blog(self._wall)
        return sum(self._marker in text for text in texts)

    async def sign_out(self) -> None:
        """Let everybody go offline."""
        await asyncio.gather(*(phone.sign_out() for phone in self._phones.values()))


@contextlib.asynccontextmanager
async def xmpp(told: dict[str, Any], people: list[Person]) -> AsyncIterator[Xmpp]:
    """Give everybody the means of XMPP."""
    # Its errors are told to the parent, or are none.
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL + 1)
    means = Xmpp(told, people)
    yield means
    await means.sign_out()


if __name__ == "__main__":
    sys.exit(asyncio.run(acting.main(xmpp)))
