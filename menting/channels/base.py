"""The contract of a channel: what a session receives, sends and may refuse."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Flag, StrEnum, auto
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from menting.base.pace import UNLIMITED, Rate
from menting.channels.errors import (
    AuthFailed,
    ChannelError,
    Refused,
    Throttled,
    Uncertain,
    Unreachable,
    Unsupported,
)
from menting.channels.hook import MOST_BYTES, Hook, HookAnswer

#: The errors are a part of the contract, with a file of their own.
__all__ = [
    "AuthFailed",
    "ChannelError",
    "Refused",
    "Throttled",
    "Uncertain",
    "Unreachable",
    "Unsupported",
]


class Cap(Flag):
    """What an account can do on its platform."""

    PROFILE = auto()  # read its own name and that of people who came
    TEXT = auto()  # send text into a conversation
    WALL = auto()  # publish on a wall of its own
    IMAGE = auto()  # send a picture with a text
    BUTTON = auto()  # send links as buttons; elsewhere they stand in the text
    FOLLOW = auto()  # is told who follows it, adds it or opens a conversation
    JOIN = auto()  # is told who enters a place of its own
    INVITE = auto()  # makes landing links that say where a person came from


class State(StrEnum):
    """Where an account's session stands; each state is kept with its reason and time."""

    OFFLINE = "offline"  # not wanted online, or no program runs
    CONNECTING = "connecting"  # signing in
    ONLINE = "online"  # live: receives and may send
    BACKOFF = "backoff"  # lost, will be tried again by itself
    NEEDS_AUTH = "needs_auth"  # the secret is refused: an operator must act
    BANNED = "banned"  # the platform closed the account: never retried


class EventType(StrEnum):
    """What a platform tells of a person."""

    MESSAGE = "message"  # wrote text
    UNREADABLE = (
        "unreadable"  # wrote something this channel cannot show (encrypted, a file)
    )
    JOINED = "joined"  # opened a conversation or followed; never consent
    LEFT = "left"  # left, blocked, unfriended or turned messages off: withdraws
    PROFILE = "profile"  # changed name or picture
    ARRIVED = "arrived"  # a message of ours that was taken earlier, see `Event.about`
    BOUNCED = "bounced"  # such a message did not arrive, `text` says why


@dataclass(frozen=True, slots=True)
class Account:
    """An account as a channel sees it; `secret` is plain, for one session only."""

    id: int
    handle: str
    name: str
    secret: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a message goes; `id` is the platform's address of the conversation or wall.

    The id alone is enough to send there: a platform with several kinds of conversation
    writes the kind into it ("c2c:…", "group:…").
    """

    id: str
    kind: Literal["user", "room", "wall"] = "room"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the platform says of an account or a person."""

    id: str
    name: str | None = None
    avatar: str | None = None
    #: Where `id` is unique, if not on the whole platform: QQ names people anew to each bot.
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a person did, with the platform's own id of it."""

    id: str
    type: EventType
    peer: Peer
    sender: Profile
    at: datetime
    text: str = ""
    #: How many people are there beside the account, where known; 1 is a dialogue.
    audience: int = 1
    #: The code of the landing link that a person came by (`Session.invite`).
    source: str = ""
    #: The `Receipt.message_id` that ARRIVED and BOUNCED speak of.
    about: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that goes with a text."""

    content: bytes = field(repr=False)
    media_type: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A link under a text."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """The event that a message answers, for platforms that allow answers for a while."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A text to send; `key` stays the same at every retry, for platforms that know keys."""

    key: str
    text: str
    image: Image | None = None
    buttons: tuple[Button, ...] = ()
    answers: Inbound | None = None
    #: Asked before under this key with an unknown outcome: a platform without keys looks
    #: for the message before it writes (see `Keys`).
    again: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's word that it took the message."""

    message_id: str
    at: datetime
    #: What is still to happen, such as a member's confirmation; ARRIVED or BOUNCED follow.
    pending: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """How long after the first try `send` with the same key makes no second message.

    By the platform's own keys, or because the channel reads back before it writes. Zero:
    an unknown outcome stays unknown until an operator decides.
    """

    answers: timedelta = timedelta(0)  # messages with `Outgoing.answers`
    messages: timedelta = timedelta(0)
    posts: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Bond:
    """What binds accounts: a limit of their owner, host or IP, or one connection."""

    name: str
    #: One bucket for all accounts of the bond, beside the limit of each.
    rate: Rate = UNLIMITED
    #: All of them are held by one process, since they share one connection.
    one_holder: bool = False


@dataclass(frozen=True, slots=True)
class Starts:
    """How fast sign-ins may begin at one host."""

    at_once: int = 16
    #: Seconds between two of them.
    gap: float = 0.0


#: Hands over a batch of events with the resume token that follows it. Returns only after
#: both are stored in one transaction; only then may the session acknowledge them.
Deliver = Callable[[list[Event], bytes], Awaitable[None]]
#: Stores a secret that the platform changed (a refreshed token) before it is used.
Keep = Callable[[Mapping[str, str]], Awaitable[None]]


class Session(Protocol):
    """One account's live connection."""

    @property
    def profile(self) -> Profile:
        """Return what the platform says of the account itself."""

    @property
    def caps(self) -> Cap:
        """Return what this account may do: its channel's capabilities or fewer."""

    async def listen(self, deliver: Deliver, resume: bytes) -> None:
        """Receive until cancelled; `resume` is the last stored token, empty at first.

        Raises Unreachable, Uncertain or Throttled when the connection is lost, after which
        a new session goes on from the last stored token, and AuthFailed.
        """

    async def fetch_profile(self, person: str) -> Profile:
        """Return what the platform shows of a person who came."""

    async def send(self, to: Peer, message: Outgoing) -> Receipt:
        """Send a text. Raises a ChannelError; after Uncertain, ask again by key only."""

    async def post(self, wall: Peer, message: Outgoing) -> Receipt:
        """Publish on the account's own wall. Raises Unsupported where there is none."""

    async def invite(self, code: str) -> str:
        """Return a link of the platform; who comes by it brings `code` as `Event.source`.

        Raises Unsupported where there is none (`Cap.INVITE`), and as `send` does.
        """
        raise Unsupported("this platform has no landing links")

    def nudge(self) -> None:
        """Hear that a webhook said that something waits to be fetched."""
        return

    async def close(self) -> None:
        """Let go of the connection; the sign-in itself stays valid for the next start."""


class Channel(Protocol):
    """One platform; shares one connector among all its sessions."""

    name: str
    caps: Cap
    #: The columns of a roster line: a SecretStr is sealed, any other is an option. Each
    #: field has a `description`, shown by `menting account template`, and `examples`.
    secret_model: type[BaseModel]
    #: An example of a handle, for the template.
    handle_example: str
    #: The platform's limit for one account's messages.
    rate: Rate
    keys: Keys
    starts: Starts = Starts()
    #: A longer webhook is refused unread.
    most_hook_bytes: int = MOST_BYTES

    async def open(self, account: Account, keep: Keep) -> Session:
        """Sign in. Raises AuthFailed, Throttled or Unreachable."""

    async def aclose(self) -> None:
        """Close the shared connector."""

    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        """Return whom the account signs in at, for the start gate."""
        return self.name

    def bond(self, handle: str, options: Mapping[str, Any]) -> Bond | None:
        """Return what binds this account to others."""
        return None

    def addressee(self, hook: Hook) -> str:
        """Return the handle of the account whose secret proves a webhook, unproven as yet.

        Raises hook.MalformedError, and Unsupported where the platform calls no webhooks.
        """
        raise Unsupported("this platform calls no webhooks")

    def take_hook(self, hook: Hook, account: Account) -> HookAnswer:
        """Prove that the platform sent `hook`, and only then parse it; touches no network.

        Raises hook.ForgedError and hook.MalformedError.
        """
        raise Unsupported("this platform calls no webhooks")
