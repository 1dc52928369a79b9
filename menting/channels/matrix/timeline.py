"""Say what happened in a room as events of people."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog

from menting.base import clock
from menting.channels.base import Event, EventType, Peer, Profile
from menting.channels.matrix.synced import RoomEvent

log = structlog.get_logger(__name__)

#: `m.notice` is left out: it is how programs speak, and two of them would never stop.
TEXTS = frozenset({"m.text", "m.emote"})
FILES = frozenset({"m.image", "m.file", "m.audio", "m.video", "m.location"})

#: What it is and who did it; None where it says nothing of a person.
Meaning = tuple[EventType, str] | None


def people(events: Iterable[RoomEvent]) -> dict[str, Profile]:
    """Return what the membership events say of each person, by Matrix id."""
    return {
        event.state_key: Profile(
            event.state_key,
            name=_words(event.content.get("displayname")) or None,
            avatar=_words(event.content.get("avatar_url")) or None,
        )
        for event in events
        if event.state_key and event.membership == "join"
    }


def tell(
    events: Iterable[RoomEvent],
    *,
    room: str,
    me: str,
    known: dict[str, Profile],
    audience: int = 1,
) -> list[Event]:
    """Return what people did, in the room's order, without what the account did itself."""
    told = []
    for event in events:
        meaning = _meaning(event, me)
        if meaning is None or meaning[1] == me:
            continue
        kind, person = meaning
        told.append(
            Event(
                id=event.event_id,
                type=kind,
                peer=Peer(room),
                sender=known.get(person) or Profile(person),
                at=time_of(event),
                text=_text(event.content) if kind is EventType.MESSAGE else "",
                audience=audience,
            )
        )
    return told


def time_of(event: RoomEvent) -> datetime:
    """Return the time that the sender's server told, but none in the future."""
    now = clock.now()
    try:
        at = clock.from_millis(event.origin_server_ts)
        return min(max(at, clock.from_millis(0)), now)
    except (OverflowError, ValueError, OSError):
        return now


def _meaning(event: RoomEvent, me: str) -> Meaning:
    if event.type == "m.room.message":
        return _message(event)
    if event.type in ("m.room.encrypted", "m.room.encryption"):
        return EventType.UNREADABLE, event.sender
    if event.membership and event.state_key:
        return _move_of_mine(event) if event.state_key == me else _move(event)
    return None


def _message(event: RoomEvent) -> Meaning:
    kind = str(event.content.get("msgtype"))
    if kind in FILES:
        return EventType.UNREADABLE, event.sender
    if kind not in TEXTS:
        return None
    if not _words(event.content.get("body")):
        log.warning("message without text left out")
        return None
    return EventType.MESSAGE, event.sender


def _move(event: RoomEvent) -> Meaning:
    person = event.state_key or ""
    if event.is_joining:
        return EventType.JOINED, person
    if event.membership == "join":
        return EventType.PROFILE, person
    if event.is_leaving:
        return EventType.LEFT, person
    return None


def _move_of_mine(event: RoomEvent) -> Meaning:
    """Tell what another did to the account: to put it out is to leave it."""
    if event.membership == "invite":
        return EventType.JOINED, event.sender
    if event.is_leaving:
        return EventType.LEFT, event.sender
    return None


def _text(content: dict[str, Any]) -> str:
    """Return what was written: of an edit the new text, of an answer not the quote."""
    related = content.get("m.relates_to")
    related = related if isinstance(related, dict) else {}
    edited = content.get("m.new_content")
    if related.get("rel_type") == "m.replace" and isinstance(edited, dict):
        return _words(edited.get("body")) or _words(content.get("body"))
    text = _words(content.get("body"))
    return _without_quote(text) if "m.in_reply_to" in related else text


def _without_quote(text: str) -> str:
    """Drop the quote that clients put before an answer until Matrix 1.13."""
    lines = text.split("\n")
    while lines and lines[0].startswith("> "):
        lines.pop(0)
    return "\n".join(lines).strip() or text


def _words(value: object) -> str:
    """Return text that every database holds: no NUL, and no half of a surrogate pair."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode()
