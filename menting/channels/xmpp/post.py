"""Messages of ours: their ids, and whose errors about them are believed."""

import hmac
from xml.etree.ElementTree import Element

from menting.channels import base
from menting.channels.base import EventType
from menting.channels.xmpp import reading, refusal, xml

_HALF = 24


class Ids:
    """Ids of one account's messages: a key and a person give them, the same at each try.

    The second half proves to whom the message went: an error can be sent by anybody, and
    only the addressee's counts.
    """

    def __init__(self, me: str, secret: str) -> None:
        # All addresses of a component have one secret.
        self._secret = f"{me}\0{secret}".encode()

    def of(self, person: str, key: str) -> str:
        """Return the id of a message to a person."""
        first = self._mac("key", key)
        return first + self._mac(person, first)

    def is_of(self, known: str, person: str) -> bool:
        """Tell whether a message with that id went to that person."""
        first, second = known[:_HALF], known[_HALF:]
        return hmac.compare_digest(second.encode(), self._mac(person, first).encode())

    def _mac(self, *parts: str) -> str:
        told = "\0".join(parts).encode()
        return hmac.new(self._secret, told, "sha256").hexdigest()[:_HALF]


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
