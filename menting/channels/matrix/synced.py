"""The shapes of `/sync` and `/messages`, and where in a room an account came in."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec
import structlog

log = structlog.get_logger(__name__)

#: Asked of the server; anything else of a room says nothing about a person.
TYPES = ["m.room.message", "m.room.encrypted", "m.room.encryption", "m.room.member"]


class RoomEvent(msgspec.Struct, frozen=True):
    """One event of a room, of the form that the specification demands of every event."""

    event_id: str
    type: str
    sender: str
    origin_server_ts: int
    content: dict[str, Any]
    state_key: str | None = None
    unsigned: dict[str, Any] = {}

    @property
    def membership(self) -> str:
        """Return join, leave, invite, ban or knock; empty for what is no membership."""
        return str(self.content.get("membership", "")) if self._is_member else ""

    @property
    def before(self) -> dict[str, Any]:
        """Return the content that a state event replaced."""
        before = self.unsigned.get("prev_content")
        return before if isinstance(before, dict) else {}

    @property
    def is_joining(self) -> bool:
        """Say whether a person came in; a new name is told by a `join` as well."""
        return self.membership == "join" and self.before.get("membership") != "join"

    @property
    def is_leaving(self) -> bool:
        """Say whether somebody who was there went or was put out."""
        return (
            self.membership in ("leave", "ban") and self.before.get("membership") == "join"
        )

    @property
    def _is_member(self) -> bool:
        return self.type == "m.room.member"


class Events(msgspec.Struct, frozen=True):
    """A list of events, each still to be validated by itself."""

    events: list[Any] = []


class Timeline(msgspec.Struct, frozen=True):
    """The newest events of a room; `limited` when there are more since the last sync."""

    events: list[Any] = []
    limited: bool = False
    prev_batch: str = ""


class Summary(msgspec.Struct, frozen=True):
    """What the server counted; only sent when it changed."""

    joined: int | None = msgspec.field(name="m.joined_member_count", default=None)


class Room(msgspec.Struct, frozen=True):
    """A room that the account is in, or has just left."""

    timeline: Timeline = Timeline()
    state: Events = Events()
    summary: Summary = Summary()


class Rooms(msgspec.Struct, frozen=True):
    """All rooms in which something happened."""

    join: dict[str, Room] = {}
    leave: dict[str, Room] = {}
    invite: dict[str, Any] = {}


class Synced(msgspec.Struct, frozen=True):
    """An answer of `/sync`."""

    next_batch: str
    rooms: Rooms = Rooms()


class Page(msgspec.Struct, frozen=True):
    """An answer of `/messages`; without `end` there is no further one."""

    chunk: list[Any] = []
    state: list[Any] = []
    end: str = ""


class Pushed(RoomEvent, frozen=True):
    """An event as an application service is told it."""

    room_id: str = ""


T = TypeVar("T", bound=RoomEvent)


def valid(events: Iterable[Any]) -> list[RoomEvent]:
    """Return the events that have the form of one; the others are logged and left out."""
    return list(_valid(events, RoomEvent))


def pushed(events: Iterable[Any]) -> list[Pushed]:
    """Return what was pushed, as `valid` does, and says in which room it happened."""
    return [event for event in _valid(events, Pushed) if event.room_id]


def entry(events: list[RoomEvent], me: str) -> int | None:
    """Return where in `events` the account came in: its invitation, else its joining.

    None when it did not come in here, or was invited before the first of them. What was
    said before the invitation was not said to the account.
    """
    joinings = [at for at, event in _moves(events, me) if event.is_joining]
    if not joinings:
        return None
    if events[joinings[-1]].before.get("membership") == "invite":
        return invitation(events[: joinings[-1]], me)
    return joinings[-1]


def invitation(events: list[RoomEvent], me: str) -> int | None:
    """Return where in `events` the account was invited last."""
    invitations = [at for at, event in _moves(events, me) if event.membership == "invite"]
    return invitations[-1] if invitations else None


def _moves(events: list[RoomEvent], me: str) -> Iterator[tuple[int, RoomEvent]]:
    for at, event in enumerate(events):
        if event.membership and event.state_key == me:
            yield at, event


def _valid(events: Iterable[Any], form: type[T]) -> Iterator[T]:
    for raw in events:
        try:
            event = msgspec.convert(raw, form)
            for name in (event.event_id, event.sender, event.state_key or ""):
                name.encode()  # half of a surrogate pair fits in JSON and in no database
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            log.warning("malformed event left out", reason=type(error).__name__)
        else:
            yield event
