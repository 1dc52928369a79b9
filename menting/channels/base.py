"""The contract of a channel: what a session receives, sends and may refuse."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, StrEnum, auto
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from menting.base.pace import Rate


class Cap(Flag):
    """What an account can do on its platform."""

    PROFILE = auto()  # read its own name and that of people who came
    TEXT = auto()  # send text into a conversation
    WALL = auto()  # publish on a wall of its own


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
    LEFT = "left"  # left, blocked or unfriended: withdraws
    PROFILE = "profile"  # changed name or picture


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
    """Where a message goes; `id` is the platform's address of the conversation or wall."""

    id: str
    kind: Literal["user", "room", "wall"] = "room"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the platform says of an account or a person."""

    id: str
    name: str | None = None
    avatar: str | None = None


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


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A text to send; `key` stays the same at every retry, for platforms that know keys."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's word that it took the message."""

    message_id: str
    at: datetime


class ChannelError(Exception):
    """Root of Throttled, Refused, Uncertain, Unreachable, AuthFailed and Unsupported."""


class Throttled(ChannelError):  # noqa: N818
    """The platform asks to wait; proven not sent."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after  # seconds


class Refused(ChannelError):  # noqa: N818
    """The platform refused this message; proven not sent. `permanent`: never try again."""

    def __init__(self, reason: str, *, permanent: bool = True) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Unreachable(ChannelError):  # noqa: N818
    """No connection was made; proven not sent."""


class Uncertain(ChannelError):  # noqa: N818
    """The request was written and no whole answer came: never resend blindly."""


class AuthFailed(ChannelError):  # noqa: N818
    """The platform does not accept the secret. `banned`: it closed the account."""

    def __init__(self, reason: str, *, banned: bool = False) -> None:
        super().__init__(reason)
        self.banned = banned


class Unsupported(ChannelError):  # noqa: N818
    """The platform does not offer that to this account."""


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

    async def close(self) -> None:
        """Let go of the connection; the sign-in itself stays valid for the next start."""


class Channel(Protocol):
    """One platform; shares one connector among all its sessions."""

    name: str
    caps: Cap
    #: The columns of a roster line: a SecretStr is sealed, any other is an option.
    secret_model: type[BaseModel]
    #: The platform's limit for one account's messages.
    rate: Rate
    #: True when asking `send` again with the same key never makes a second message.
    idempotent: bool

    async def open(self, account: Account, keep: Keep) -> Session:
        """Sign in. Raises AuthFailed, Throttled or Unreachable."""

    async def aclose(self) -> None:
        """Close the shared connector."""
