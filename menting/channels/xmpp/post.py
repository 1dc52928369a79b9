"""Messages of ours: their ids, and whose errors about them are believed."""

import hmac
from xml.etree.ElementTree import Element

from menting.channels import base
from menting.channels.base import EventType
from menting.channels.xmpp import reading, refusal, xml

_KEY = 32


class Ids:
    """Ids of one account's messages: the same at each try, and bound to the addressee.

    An error can be sent by anybody, and only the addressee's counts: the second part of an
    id proves to whom the message went. The first part does not change with the password.
    """

    def __init__(self, me: str, secret: str) -> None:
        self._me, self._secret = me, secret.encode()

    def key(self, person: str, key: str) -> str:
        """Return the first part of an id, by which the message is found again."""
        return reading.digest(self._me, person, key)

    def of(self, person: str, key: str) -> str:
        """Return the id of a message to a person."""
        first = self.key(person, key)
        return first + self._proof(person, first)

    def is_of(self, known: str, person: str) -> bool:
        """Tell whether a message with that id went to that person."""
        first, proof = known[:_KEY], known[_KEY:]
        return hmac.compare_digest(proof.encode(), self._proof(person, first).encode())

    def _proof(self, person: str, first: str) -> str:
        told = f"{self._me}\0{person}\0{first}".encode()
        return hmac.new(self._secret, told, "sha256").hexdigest()[:24]


def message(space: str, *, to: str, known: str, text: str) -> Element:
    """Make a chat message; servers keep its `origin-id` in the archive (XEP-0359)."""
    made = xml.stanza(space, "message", to, type="chat", id=known)
    xml.child(made, space, "body", text)
    xml.child(made, xml.IDS, "origin-id", id=known)
    return made


def bounced(stanza: Element, ids: Ids) -> base.Event | None:
    """Return what an error says of a message that the server had taken."""
    person, known = reading.bare(stanza.get("from")), stanza.get("id", "")
    if not person or not ids.is_of(known, person):
        return None
    return base.Event(
        id=reading.digest("bounced", known),
        type=EventType.BOUNCED,
        peer=base.Peer(person, "user"),
        sender=base.Profile(person),
        at=reading.moment(None),
        text=refusal.condition(stanza)[1],
        about=known,
    )
