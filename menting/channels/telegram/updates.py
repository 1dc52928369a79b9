"""Say what an update of the Bot API tells of a person."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

import msgspec
import structlog

from menting.base import clock
from menting.channels.base import Event, EventType, Peer, Profile
from menting.channels.telegram.shapes import (
    Change,
    Chat,
    Message,
    Request,
    Update,
    User,
    message_id,
)

log = structlog.get_logger(__name__)

#: A group's size is not asked for: that it is no dialogue is enough.
GROUP_AUDIENCE = 2
#: What a person can send that is no text (Bot API, "Message"); the rest of a message's
#: fields are the group's own news: a new title, a pinned message.
FILES = frozenset(
    {"animation", "audio", "checklist", "contact", "dice", "document", "game", "location"}
    | {"paid_media", "photo", "poll", "sticker", "story", "venue", "video", "video_note"}
    | {"voice"}
)
CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def kinds(places: AbstractSet[str]) -> list[str]:
    """Return the kinds of update to ask for; who comes and goes only with own places."""
    joins = ["chat_member", "chat_join_request"] if places else []
    return ["message", "my_chat_member", *joins]


def number(raw: object) -> int:
    """Return an update's number, -1 for what has none."""
    told = raw.get("update_id") if isinstance(raw, dict) else None
    return told if isinstance(told, int) else -1


def tell(raw: object, *, places: AbstractSet[str]) -> list[Event]:
    """Return what people did; `places` are the account's own, as `@name` or id.

    An update without the documented form is logged and tells nothing.
    """
    try:
        update = msgspec.convert(raw, Update)
    except msgspec.ValidationError as error:
        log.warning("malformed update left out", reason=type(error).__name__)
        return []
    if update.message is not None and isinstance(raw, dict):
        return _message(update.message, is_file=not FILES.isdisjoint(raw["message"]))
    if update.my_chat_member is not None:
        return _move_of_mine(str(update.update_id), update.my_chat_member)
    if update.chat_member is not None:
        return _move(str(update.update_id), update.chat_member, places)
    if update.chat_join_request is not None:
        return _request(str(update.update_id), update.chat_join_request, places)
    return []


def profile(user: User) -> Profile:
    """Return what Telegram shows of a person.

    No picture: its address has the bot's token in it.
    """
    name = f"{user.first_name} {user.last_name}".strip()
    return Profile(str(user.id), name=name or None)


def _message(message: Message, *, is_file: bool) -> list[Event]:
    sender = message.sender
    if sender is None or sender.is_bot or message.sender_chat is not None:
        return []
    text = message.text or message.caption
    if not (text or is_file):
        return []
    kind = EventType.MESSAGE if text else EventType.UNREADABLE
    code = _start_code(message)
    written = _event(
        message_id(message.chat.id, message.message_id),
        *(kind, message.chat, sender, message.date),
        text=text,
        source=code or "",
    )
    if code is None:
        return [written]
    started = replace(written, id=f"{written.id}:start", type=EventType.JOINED, text="")
    return [started, written]


def _start_code(message: Message) -> str | None:
    """Return the code of the deep link that a person came by, None if nothing was begun.

    https://core.telegram.org/bots/features#deep-linking
    """
    command, _, code = message.text.partition(" ")
    if message.chat.type != "private" or command != "/start":
        return None
    return code if CODE.fullmatch(code) else ""


def _move_of_mine(id_: str, change: Change) -> list[Event]:
    """Tell what another did to the bot: to block it or to put it out is to leave it."""
    if change.chat.type == "channel" or change.old.is_inside == change.new.is_inside:
        return []
    kind = EventType.JOINED if change.new.is_inside else EventType.LEFT
    return [_event(id_, kind, change.chat, change.sender, change.date)]


def _move(id_: str, change: Change, places: AbstractSet[str]) -> list[Event]:
    person = change.new.user
    is_move = change.old.is_inside != change.new.is_inside
    if person.is_bot or not is_move or not _is_own(change.chat, places):
        return []
    kind = EventType.JOINED if change.new.is_inside else EventType.LEFT
    return [_event(id_, kind, change.chat, person, change.date)]


def _request(id_: str, request: Request, places: AbstractSet[str]) -> list[Event]:
    if not _is_own(request.chat, places):
        return []
    return [_event(id_, EventType.JOINED, request.chat, request.sender, request.date)]


def _is_own(chat: Chat, places: AbstractSet[str]) -> bool:
    return str(chat.id) in places or f"@{chat.username}".lower() in places


def _event(
    id_: str,
    kind: EventType,
    chat: Chat,
    sender: User,
    date: int,
    **more: str,
) -> Event:
    is_private = chat.type == "private"
    return Event(
        id=id_,
        type=kind,
        peer=Peer(str(chat.id), "user" if is_private else "room"),
        sender=profile(sender),
        at=_at(date),
        audience=1 if is_private else GROUP_AUDIENCE,
        **more,
    )


def _at(stamp: int) -> datetime:
    """Return Telegram's own time, but none in the future."""
    now = clock.now()
    try:
        return min(max(clock.from_millis(stamp * 1000), clock.from_millis(0)), now)
    except (OverflowError, ValueError, OSError):
        return now
