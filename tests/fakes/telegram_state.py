"""What a fake Telegram keeps: its people, bots and their chats."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from menting.base import clock

DEFAULT_KINDS = ("message", "my_chat_member")


@dataclass(slots=True)
class User:
    """A person."""

    id: int
    first_name: str
    username: str = ""
    is_deleted: bool = False

    def told(self) -> dict[str, Any]:
        """Return the person as the Bot API tells it."""
        return {"id": self.id, "is_bot": False, "first_name": self.first_name}


@dataclass(slots=True)
class Chat:
    """A conversation as one bot sees it."""

    id: int
    kind: str = "private"
    username: str = ""
    title: str = ""
    #: Why the bot may not write there.
    closed: str = ""
    moved_to: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """Return the chat as the Bot API tells it."""
        told: dict[str, Any] = {"id": self.id, "type": self.kind}
        more = {"username": self.username, "title": self.title}
        return told | {key: value for key, value in more.items() if value}


@dataclass(slots=True)
class Webhook:
    """Where a bot's updates are sent."""

    url: str
    secret: str
    last_error: str = ""


@dataclass(slots=True)
class Bot:
    """A bot with its waiting updates."""

    id: int
    token: str
    name: str
    username: str
    waiting: list[dict[str, Any]] = field(default_factory=list)
    chats: dict[int, Chat] = field(default_factory=dict)
    webhook: Webhook | None = None
    kinds: tuple[str, ...] = DEFAULT_KINDS
    #: What the webhook was sent: headers and body.
    called: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    poll: asyncio.Task[Any] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self) -> dict[str, Any]:
        """Return the bot as `getMe` tells it."""
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.name,
            "username": self.username,
            "can_join_groups": True,
        }


@dataclass(slots=True)
class State:
    """All of it; Telegram counts the messages of each chat, this counts all of them."""

    bots: dict[str, Bot] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    #: Seconds to wait, by the chat to which the next message is too much.
    floods: dict[int, int] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(101))

    def message(self, chat: Chat, content: dict[str, Any]) -> dict[str, Any]:
        """Put a message into a chat, and return it."""
        message = {
            "message_id": next(self.numbers),
            "date": int(clock.now().timestamp()),
            "chat": chat.told(),
        } | content
        chat.messages.append(message)
        return message
