"""What a fake Discord keeps: people, bots, their channels and gateway sessions."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from menting.base import clock

EPOCH_MILLIS = 1_420_070_400_000
DM, TEXT, ANNOUNCEMENTS, FORUM, THREAD = 1, 0, 5, 15, 11
MEMBERS, CONTENT = 1 << 1, 1 << 15
#: A nonce is remembered for some minutes.
NONCE_SECONDS = 300.0


@dataclass(slots=True)
class User:
    """A person or a bot."""

    id: str
    username: str
    is_bot: bool = False
    avatar: str | None = None

    def told(self) -> dict[str, Any]:
        """Return the user object."""
        return {
            "id": self.id,
            "username": self.username.lower(),
            "discriminator": "0",
            "global_name": self.username,
            "avatar": self.avatar,
            "bot": self.is_bot,
            "public_flags": 0,
            "flags": 0,
        }


@dataclass(slots=True)
class Channel:
    """A conversation, or a channel of a guild."""

    id: str
    kind: int
    guild: str = ""
    name: str = "shop"
    #: The JSON code with which a message to it is refused.
    closed: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    threads: list["Channel"] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """Return the channel object."""
        told: dict[str, Any] = {"id": self.id, "type": self.kind, "flags": 0}
        if self.kind == DM:
            return told | {"recipients": [], "last_message_id": None}
        told |= {"guild_id": self.guild, "name": self.name, "parent_id": None}
        return told | {
            "position": 0,
            "permission_overwrites": [],
            "nsfw": False,
            "topic": None,
            "rate_limit_per_user": 0,
            "last_message_id": None,
        }


@dataclass(slots=True)
class Stream:
    """A gateway session with what was sent, for Resume."""

    id: str
    intents: int
    sent: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def dispatch(self, kind: str, body: Any) -> None:
        """Send an event, or keep it until the session is resumed."""
        self.sent.append({"op": 0, "s": len(self.sent) + 1, "t": kind, "d": body})
        self.news.set()


@dataclass(slots=True)
class Bot:
    """A bot with its sessions."""

    user: User
    token: str
    #: What the Developer Portal grants beyond what anybody may ask for.
    granted: int = 0
    starts: int = 1_000
    streams: dict[str, Stream] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    #: By nonce: the message, and when it was made.
    nonces: dict[str, tuple[dict[str, Any], float]] = field(default_factory=dict)

    def remembered(self, nonce: str) -> dict[str, Any] | None:
        """Return what was made with a nonce in the last minutes."""
        message, at = self.nonces.get(nonce, ({}, 0.0))
        return message if time.monotonic() - at < NONCE_SECONDS and message else None


@dataclass(slots=True)
class State:
    """All of it."""

    bots: dict[str, Bot] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    serial: Iterator[int] = field(default_factory=itertools.count)

    def snowflake(self) -> str:
        """Return an id with the time of now in it."""
        millis = clock.now_millis() - EPOCH_MILLIS
        return str(millis << 22 | next(self.serial) & 0x3FFFFF)

    def message(self, channel: Channel, author: User, **content: Any) -> dict[str, Any]:
        """Put a message into a channel, and return it."""
        message = {
            "id": self.snowflake(),
            "channel_id": channel.id,
            "author": author.told(),
            "content": "",
            "timestamp": clock.now().isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": False,
            "type": 0,
            "flags": 0,
        } | content
        channel.messages.append(message)
        return message
