"""Say what an event of the gateway tells of a person."""

import re
from datetime import datetime
from typing import Any

import msgspec
import structlog

from menting.base import clock
from menting.channels.base import Event, EventType, Peer, Profile

log = structlog.get_logger(__name__)

#: A guild's size is not asked for: that it is no dialogue is enough.
GUILD_AUDIENCE = 2
#: What people write: a message, and an answer to one. The rest are a guild's own news.
WRITTEN = frozenset({0, 19})
#: Snowflakes count milliseconds from the first second of 2015.
EPOCH_MILLIS = 1_420_070_400_000
SNOWFLAKE = re.compile(r"[1-9]\d{0,19}", re.ASCII)

_HASH = re.compile(r"\w{1,64}", re.ASCII)


class User(msgspec.Struct, frozen=True):
    """A person, or another bot."""

    id: str
    username: str = ""
    global_name: str | None = None
    avatar: str | None = None
    bot: bool = False


class Message(msgspec.Struct, frozen=True):
    """A message; without a guild it was written to the bot alone."""

    id: str
    channel_id: str
    author: User
    type: int = 0
    content: str = ""
    guild_id: str | None = None
    webhook_id: str | None = None
    mentions: list[User] = []


class Member(msgspec.Struct, frozen=True):
    """Somebody who came into a guild, or left it."""

    guild_id: str
    user: User
    joined_at: str | None = None


def tell(kind: str, body: Any, *, me: str, guild: str) -> list[Event]:
    """Return what people did; `guild` is the account's own, empty for none.

    What has not the documented form is logged and tells nothing.
    """
    try:
        if kind == "MESSAGE_CREATE":
            return _message(msgspec.convert(body, Message), me)
        if kind == "GUILD_MEMBER_ADD":
            return _member(msgspec.convert(body, Member), EventType.JOINED, guild)
        if kind == "GUILD_MEMBER_REMOVE":
            return _member(msgspec.convert(body, Member), EventType.LEFT, guild)
    except (msgspec.ValidationError, ValueError) as error:
        log.warning("malformed event left out", kind=kind, reason=type(error).__name__)
    return []


def user(told: Any) -> User:
    """Return a user. Raises msgspec.ValidationError."""
    return msgspec.convert(told, User)


def profile(user: User) -> Profile:
    """Return what Discord shows of a user to anybody."""
    picture = None
    if user.avatar and _HASH.fullmatch(user.avatar) and SNOWFLAKE.fullmatch(user.id):
        picture = f"https://cdn.discordapp.com/avatars/{user.id}/{user.avatar}.png"
    return Profile(user.id, name=user.global_name or user.username or None, avatar=picture)


def made_at(snowflake: str) -> datetime:
    """Return when Discord made it, but no time in the future. Raises ValueError."""
    if not SNOWFLAKE.fullmatch(snowflake):
        raise ValueError("no snowflake")
    return min(clock.from_millis((int(snowflake) >> 22) + EPOCH_MILLIS), clock.now())


def _message(message: Message, me: str) -> list[Event]:
    author = message.author
    is_direct = message.guild_id is None
    if author.bot or message.webhook_id or message.type not in WRITTEN:
        return []
    if not (is_direct or any(one.id == me for one in message.mentions)):
        return []
    if not SNOWFLAKE.fullmatch(message.channel_id):
        raise ValueError("no snowflake")
    text = message.content if is_direct else _without_mention(message.content, me)
    return [
        Event(
            id=message.id,
            type=EventType.MESSAGE if text else EventType.UNREADABLE,
            peer=Peer(message.channel_id, "user" if is_direct else "room"),
            sender=profile(author),
            at=made_at(message.id),
            text=text,
            audience=1 if is_direct else GUILD_AUDIENCE,
        )
    ]


def _member(member: Member, kind: EventType, guild: str) -> list[Event]:
    person = member.user
    if person.bot or not guild or member.guild_id != guild:
        return []
    # Discord gives neither an id; when somebody left, not even the time is told.
    moment = member.joined_at or ""
    return [
        Event(
            id=":".join((kind.value, guild, person.id, moment)),
            type=kind,
            peer=Peer(guild),
            sender=profile(person),
            at=clock.now(),
            audience=GUILD_AUDIENCE,
        )
    ]


def _without_mention(text: str, me: str) -> str:
    return re.sub(rf"<@!?{re.escape(me)}>", "", text).strip()
