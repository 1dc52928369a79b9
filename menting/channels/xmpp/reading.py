"""Turn stanzas into events: what a person wrote, who follows, who does so no more."""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element

from slixmpp.jid import JID, InvalidJID

from menting.base import clock
from menting.channels import base
from menting.channels.base import EventType
from menting.channels.xmpp import xml

#: Explicit encryption (XEP-0380), OMEMO old and new, OpenPGP old and new.
_ENCRYPTED = (
    ("urn:xmpp:eme:0", "encryption"),
    ("eu.siacs.conversations.axolotl", "encrypted"),
    ("urn:xmpp:omemo:2", "encrypted"),
    ("jabber:x:encrypted", "x"),
    ("urn:xmpp:openpgp:0", "openpgp"),
)
_DIALOGUE = frozenset({"chat", "normal"})


class Reader(NamedTuple):
    """Whose stanzas are read: an account's bare address."""

    me: str
    #: The server keeps an archive, so that its ids of messages can be believed.
    archives: bool = False

    def message(self, stanza: Element) -> tuple[base.Event, str] | None:
        """Return what a message tells, with its place in the archive if it is the newest.

        None for what nobody wrote to the account: its own messages, groups, headlines,
        chat states and receipts.
        """
        inner = self._carbon(stanza)
        late = xml.part(stanza, (xml.DELAY, "delay"))
        known = self._archive_id(inner)
        event = self.archived(inner, known, late if late is not None else None)
        # What waited at the server comes after newer things, and moves no place.
        return (event, known if late is None else "") if event else None

    def archived(
        self, stanza: Element, known: str, late: Element | None
    ) -> base.Event | None:
        """Return what a message tells that is known to the server by that id."""
        person = bare(stanza.get("from"))
        if not person or person == self.me or not _is_dialogue(stanza):
            return None
        kind, text = _said(stanza)
        if kind is None:
            return None
        at = moment(late)
        sender = base.Profile(person, name=xml.text_of(_nick(stanza)) or None)
        return base.Event(
            id=known or _own_id(person, stanza, late),
            type=kind,
            peer=base.Peer(person, "user"),
            sender=sender,
            at=at,
            text=text,
        )

    def presence(self, stanza: Element) -> base.Event | None:
        """Return who follows the account from now on, or does so no more."""
        person, kind = bare(stanza.get("from")), stanza.get("type")
        if not person or person == self.me:
            return None
        if kind == "subscribe":
            # A request that waits is told again at each sign-in, with the same id.
            known = stanza.get("id") or f"{clock.now():%Y-%m-%d}"
            return _of(person, EventType.JOINED, digest("subscribe", person, known), stanza)
        if kind in ("unsubscribe", "unsubscribed"):
            # Told once; a client that counts from 1 must not have its second one ignored.
            return _of(person, EventType.LEFT, uuid.uuid4().hex, stanza)
        return None

    def _carbon(self, stanza: Element) -> Element:
        """Return the message that another device of the account was sent (XEP-0280).

        Only from the account's own server: anybody may write such an element.
        """
        forwarded = xml.part(stanza, (xml.CARBONS, "received"), (xml.FORWARD, "forwarded"))
        if forwarded is None or stanza.get("from") != self.me:
            return stanza
        inner = xml.plain(forwarded, "message")
        return stanza if inner is None else inner

    def _archive_id(self, stanza: Element) -> str:
        if not self.archives:
            return ""
        ids = stanza.findall(f"{{{xml.IDS}}}stanza-id")
        return next((item.get("id", "") for item in ids if item.get("by") == self.me), "")


def bare(address: str | None) -> str:
    """Return the address of a person without the device; "" for a server or nonsense."""
    try:
        jid = JID(address or "")
    except InvalidJID:
        return ""
    return str(jid.bare) if jid.local else ""


def digest(*parts: str) -> str:
    """Return a short name of some texts, the same each time."""
    told = "\0".join(parts).encode()
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def _is_dialogue(stanza: Element) -> bool:
    if stanza.get("type", "normal") not in _DIALOGUE:
        return False
    return xml.part(stanza, (xml.MUC_USER, "x")) is None


def _said(stanza: Element) -> tuple[EventType | None, str]:
    if any(xml.part(stanza, path) is not None for path in _ENCRYPTED):
        return EventType.UNREADABLE, ""  # its body only says that it is encrypted
    text = xml.text_of(xml.plain(stanza, "body"))
    return (EventType.MESSAGE, text) if text else (None, "")


def _own_id(person: str, stanza: Element, late: Element | None) -> str:
    origin = xml.part(stanza, (xml.IDS, "origin-id"))
    given = origin.get("id") if origin is not None else stanza.get("id")
    if given:
        return digest(person, given)
    stamp = late.get("stamp") if late is not None else None
    text = xml.text_of(xml.plain(stanza, "body"))
    return digest(person, text, stamp or uuid.uuid4().hex)


def moment(late: Element | None) -> datetime:
    """Return when a message was written (XEP-0203), never in the future."""
    now = clock.now()
    try:
        told = datetime.fromisoformat(late.get("stamp", "") if late is not None else "")
        at = told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the year 1, east of Greenwich
        return now
    return min(now, at)


def _nick(stanza: Element) -> Element | None:
    return xml.part(stanza, (xml.NICK, "nick"))


def _of(person: str, kind: EventType, known: str, stanza: Element) -> base.Event:
    name = xml.text_of(_nick(stanza)) or None
    late = xml.part(stanza, (xml.DELAY, "delay"))
    return base.Event(
        id=known,
        type=kind,
        peer=base.Peer(person, "user"),
        sender=base.Profile(person, name=name),
        at=moment(late),
    )
