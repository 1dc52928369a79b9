"""What a dispatch of QQ tells of people, whether it came by WebSocket or webhook."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import msgspec
import structlog

from menting.base import clock
from menting.channels import base
from menting.channels.base import EventType, Peer, Profile

log = structlog.get_logger(__name__)

#: Begins the ids of events that are no messages, for `answers`.
EVENT = "event:"
#: A group of unknown size is no dialogue.
UNKNOWN_AUDIENCE = 3
#: QQ writes times without a zone in its own.
CHINA = timezone(timedelta(hours=8))

_MENTION = re.compile(r"^(\s*<@!?\w+>)+")


class Author(msgspec.Struct):
    """Who wrote; which fields are there depends on where."""

    id: str = ""
    user_openid: str = ""
    member_openid: str = ""
    username: str = ""
    bot: bool = False


class Written(msgspec.Struct):
    """A message of any place."""

    id: str
    timestamp: str | int
    author: Author
    content: str = ""
    group_openid: str = ""
    channel_id: str = ""
    guild_id: str = ""


class Change(msgspec.Struct):
    """Somebody came or went, or turned the bot's messages on or off.

    A withdrawal must not be lost for the form of what it does not need.
    """

    timestamp: Any = ""
    openid: str = ""
    group_openid: str = ""
    op_member_openid: str = ""
    member_openid: str = ""
    scene_param: Any = ""
    guild_id: str = ""
    nick: Any = ""
    user: Author = msgspec.field(default_factory=Author)


class Reviewed(msgspec.Struct):
    """What became of a message of ours that QQ read first."""

    audit_id: str
    audit_time: Any = ""


class Bot(msgspec.Struct, frozen=True):
    """The account whom the events are told."""

    appid: str
    #: The guild of its own, where it may hear who enters.
    guild: str = ""


def tell(kind: str, body: Any, *, envelope: str, bot: Bot) -> list[base.Event]:
    """Return the events of one dispatch: none when it tells of no person.

    Never raises: what has another form than documented is left out.
    """
    try:
        if kind in _PLACES:
            return _message(kind, _shaped(body, Written), bot)
        if kind in _CHANGES:
            return _CHANGES[kind](kind, _shaped(body, Change), envelope, bot)
        if kind in _REVIEWS:
            return _reviewed(kind, _shaped(body, Reviewed), bot)
    except (msgspec.ValidationError, ValueError, OverflowError, OSError) as error:
        log.warning("an event has another form", kind=kind, error=type(error).__name__)
    return []


#: By the event: the kind of place, where its id stands, and which id the author has there.
_PLACES: dict[str, tuple[str, str, str]] = {
    "C2C_MESSAGE_CREATE": ("c2c", "", "user_openid"),
    "GROUP_AT_MESSAGE_CREATE": ("group", "group_openid", "member_openid"),
    "GROUP_MESSAGE_CREATE": ("group", "group_openid", "member_openid"),
    "AT_MESSAGE_CREATE": ("channel", "channel_id", "id"),
    "MESSAGE_CREATE": ("channel", "channel_id", "id"),
    "DIRECT_MESSAGE_CREATE": ("dm", "guild_id", "id"),
}


def _message(kind: str, told: Written, bot: Bot) -> list[base.Event]:
    if told.author.bot:
        return []
    where, field, who = _PLACES[kind]
    person = _id(getattr(told.author, who))
    place = _id(getattr(told, field) if field else person)
    # In groups and channels the mention that called the bot stands before the text.
    text = _MENTION.sub("", told.content).strip()
    return [
        base.Event(
            _id(told.id),
            EventType.MESSAGE if text else EventType.UNREADABLE,
            Peer(f"{where}:{place}"),
            Profile(person, name=told.author.username or None, scope=_scope(where, bot)),
            _time(told.timestamp),
            text,
            audience=1 if where in ("c2c", "dm") else UNKNOWN_AUDIENCE,
        )
    ]


def _of_person(kind: str, told: Change, envelope: str, bot: Bot) -> list[base.Event]:
    person = _id(told.openid)
    event = base.Event(
        _event_id(kind, envelope, person, told),
        _TYPES[kind],
        Peer(f"c2c:{person}"),
        Profile(person, scope=_scope("c2c", bot)),
        _time_or_now(told.timestamp),
        source=str(told.scene_param or "") if kind == "FRIEND_ADD" else "",
    )
    return [event]


def _of_group(kind: str, told: Change, envelope: str, bot: Bot) -> list[base.Event]:
    person = _id(told.member_openid or told.op_member_openid)
    group = _id(told.group_openid)
    return [
        base.Event(
            _event_id(kind, envelope, person, told),
            _TYPES[kind],
            Peer(f"group:{group}"),
            Profile(person, scope=_scope("group", bot)),
            _time_or_now(told.timestamp),
            audience=UNKNOWN_AUDIENCE,
        )
    ]


def _of_guild(kind: str, told: Change, envelope: str, bot: Bot) -> list[base.Event]:
    """Tell who entered the bot's own guild; of other guilds it is not to know."""
    if told.guild_id != bot.guild or not bot.guild or told.user.bot:
        return []
    person = _id(told.user.id)
    name = told.nick if isinstance(told.nick, str) else ""
    return [
        base.Event(
            _event_id(kind, envelope, person, told),
            _TYPES[kind],
            Peer(f"guild:{told.guild_id}"),
            Profile(person, name=name or told.user.username or None, scope=bot.appid),
            clock.now() if told.timestamp == "" else _time(told.timestamp),
            audience=UNKNOWN_AUDIENCE,
        )
    ]


#: Coming and turning on make a contact, and never consent; going and turning off withdraw.
_TYPES = {
    "FRIEND_ADD": EventType.JOINED,
    "FRIEND_DEL": EventType.LEFT,
    "C2C_MSG_RECEIVE": EventType.JOINED,
    "C2C_MSG_REJECT": EventType.LEFT,
    "GROUP_ADD_ROBOT": EventType.JOINED,
    "GROUP_DEL_ROBOT": EventType.LEFT,
    "GROUP_MSG_RECEIVE": EventType.JOINED,
    "GROUP_MSG_REJECT": EventType.LEFT,
    "GROUP_MEMBER_ADD": EventType.JOINED,
    "GROUP_MEMBER_REMOVE": EventType.LEFT,
    "GUILD_MEMBER_ADD": EventType.JOINED,
    "GUILD_MEMBER_REMOVE": EventType.LEFT,
    "MESSAGE_AUDIT_PASS": EventType.ARRIVED,
    "MESSAGE_AUDIT_REJECT": EventType.BOUNCED,
}
_REVIEWS = frozenset({"MESSAGE_AUDIT_PASS", "MESSAGE_AUDIT_REJECT"})
_Teller = Callable[[str, Change, str, Bot], list[base.Event]]
_CHANGES: dict[str, _Teller] = {
    **dict.fromkeys(
        ("FRIEND_ADD", "FRIEND_DEL", "C2C_MSG_RECEIVE", "C2C_MSG_REJECT"), _of_person
    ),
    **dict.fromkeys((kind for kind in _TYPES if kind.startswith("GROUP_")), _of_group),
    **dict.fromkeys((kind for kind in _TYPES if kind.startswith("GUILD_")), _of_guild),
}


def _reviewed(kind: str, told: Reviewed, bot: Bot) -> list[base.Event]:
    return [
        base.Event(
            f"{EVENT}{kind}:{_id(told.audit_id)}",
            _TYPES[kind],
            Peer(f"bot:{bot.appid}"),
            Profile(bot.appid),
            _time_or_now(told.audit_time),
            "QQ did not let it pass" if kind == "MESSAGE_AUDIT_REJECT" else "",
            about=told.audit_id,
        )
    ]


def _event_id(kind: str, envelope: str, person: str, told: Change) -> str:
    return EVENT + (envelope or f"{kind}:{person}:{told.timestamp}")


def _scope(where: str, bot: Bot) -> str:
    """Return where an id is unique: QQ names people anew to each bot, again in groups."""
    return f"{bot.appid}:group" if where == "group" else bot.appid


def _id(said: str) -> str:
    if not said:
        raise ValueError("an id is missing")
    return said


def _time(said: str | int) -> datetime:
    """Return a time: seconds since 1970 in events of groups and friends, else ISO 8601."""
    if isinstance(said, int) or said.isdigit():
        return datetime.fromtimestamp(int(said), tz=CHINA)
    at = datetime.fromisoformat(said)
    return at if at.tzinfo else at.replace(tzinfo=CHINA)


def _time_or_now(said: Any) -> datetime:
    """Return the time of what holds from now on, however its time is written."""
    try:
        return _time(said)
    except (ValueError, OverflowError, OSError, AttributeError, TypeError):
        return clock.now()


T = TypeVar("T", bound=msgspec.Struct)


def _shaped(body: Any, form: type[T]) -> T:
    return msgspec.convert(body, form)
