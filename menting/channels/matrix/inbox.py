"""Take in what a sync tells, and fetch what it left out, so that nothing is lost."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import msgspec
import structlog

from menting.channels import base
from menting.channels.matrix import synced, timeline
from menting.channels.matrix.synced import Page, Room, RoomEvent, Synced
from menting.channels.matrix.wire import Caller, segment

log = structlog.get_logger(__name__)

TIMELINE_LIMIT = 50
PAGE_LIMIT = 100
#: Taken when the server does not count: a room of unknown size is no dialogue.
UNKNOWN_JOINED = 3

_ROOM = {"types": synced.TYPES, "lazy_load_members": True}
PAGE_FILTER = msgspec.json.encode(_ROOM).decode()


class Place(msgspec.Struct):
    """The resume token: where the last sync ended, and invitations not yet taken up."""

    since: str = ""
    #: Kept beside `since`, because the next sync does not tell of an invitation again.
    invited: list[str] = []


class Inbox:
    """What an account knows of its rooms while its session lives."""

    def __init__(self, login: Caller) -> None:
        self._login = login
        self._joined: dict[str, int] = {}

    async def take_in(
        self, told: Synced, place: Place, deliver: base.Deliver
    ) -> tuple[list[base.Event], Place]:
        """Return the events of a sync and the place after it, to be stored together.

        The pages of a long gap are delivered on the way with the old place: after a crash
        they come again, and their ids tell.
        """
        rooms = told.rooms.join | told.rooms.leave
        events: list[base.Event] = []
        for room_id, room in rooms.items():
            self._count(room_id, room)
            # The first sync tells of the time before the account was Menting's to keep.
            if place.since:
                events += await self._room(room_id, room, place, deliver)
        invited = dict.fromkeys([*place.invited, *told.rooms.invite])
        after = Place(
            told.next_batch, [room_id for room_id in invited if room_id not in rooms]
        )
        return events, after

    async def _room(
        self, room_id: str, room: Room, place: Place, deliver: base.Deliver
    ) -> list[base.Event]:
        state, chunk = synced.valid(room.state.events), synced.valid(room.timeline.events)
        known = timeline.people([*state, *chunk])
        start = synced.entry(chunk, self._login.user)
        if start is not None:
            # Without its encryption event, a room made so would be silent until they write.
            locks = _encryption([*state, *chunk[:start]])
            return await self._tell(room_id, [*locks, *chunk[start:]], known)
        if room_id in place.invited:
            earlier = await since_invitation(self._login, room_id, room.timeline.prev_batch)
            return await self._tell(room_id, [*_encryption(state), *earlier, *chunk], known)
        if room.timeline.limited:
            await self._fill_gap(room_id, place, deliver)
        return await self._tell(room_id, chunk, known)

    async def _fill_gap(self, room_id: str, place: Place, deliver: base.Deliver) -> None:
        # Forward from the old place, and not back from the timeline: what a slow server
        # sent late lies there, though its own order puts it elsewhere.
        try:
            async for page in pages(self._login, room_id, "f", place.since):
                chunk = synced.valid(page.chunk)
                known = timeline.people([*synced.valid(page.state), *chunk])
                if events := await self._tell(room_id, chunk, known):
                    await deliver(events, msgspec.json.encode(place))
        except base.Refused as error:
            log.warning("a gap can no longer be read", reason=str(error))

    async def _tell(
        self, room_id: str, chunk: Sequence[RoomEvent], known: dict[str, base.Profile]
    ) -> list[base.Event]:
        me = self._login.user
        events = timeline.tell(chunk, room=room_id, me=me, known=known)
        if not events:
            return []
        audience = await self._audience(room_id)
        return [replace(event, audience=audience) for event in events]

    def _count(self, room_id: str, room: Room) -> None:
        if room.summary.joined is not None:
            self._joined[room_id] = room.summary.joined
        elif room.timeline.limited:
            self._joined.pop(room_id, None)  # people may have come within the gap

    async def _audience(self, room_id: str) -> int:
        """Return how many are in the room beside the account; it asks for no names."""
        if room_id not in self._joined:
            self._joined[room_id] = await ask_joined(self._login, room_id)
        return max(0, self._joined[room_id] - 1)


async def ask_joined(login: Caller, room_id: str) -> int:
    """Return how many people are in a room; the server is asked for no names."""
    try:
        told = await login.call("GET", f"/v1/room_summary/{segment(room_id)}")
    except base.Refused:
        return UNKNOWN_JOINED
    joined = told.get("num_joined_members")
    return joined if isinstance(joined, int) else UNKNOWN_JOINED


async def since_invitation(login: Caller, room_id: str, end: str | None) -> list[RoomEvent]:
    """Return what lies between the account's invitation and `end`, the invitation first.

    `end` is a token of the server, None for now.
    """
    earlier: list[RoomEvent] = []
    async for page in pages(login, room_id, "b", end):
        earlier = [*reversed(synced.valid(page.chunk)), *earlier]
        at = synced.invitation(earlier, login.user)
        if at is not None:
            return earlier[at:]
    return []


async def pages(
    login: Caller,
    room_id: str,
    way: Literal["b", "f"],
    start: str | None,
    *,
    only: str = PAGE_FILTER,
) -> AsyncIterator[Page]:
    """Yield what stands in a room, from `start`, which is None for the newest."""
    path = f"/v3/rooms/{segment(room_id)}/messages"
    while start != "":
        query = {"dir": way, "limit": str(PAGE_LIMIT), "filter": only}
        asked = query if start is None else {**query, "from": start}
        page = shaped(await login.call("GET", path, query=asked), Page)
        yield page
        start = page.end if page.end != start else ""


def _encryption(events: list[RoomEvent]) -> list[RoomEvent]:
    return [event for event in events if event.type == "m.room.encryption"]


T = TypeVar("T", bound=msgspec.Struct)


def shaped(told: dict[str, Any], form: type[T]) -> T:
    """Return the server's answer in its form. Raises Uncertain when it has another."""
    try:
        return msgspec.convert(told, form)
    except msgspec.ValidationError as error:
        raise base.Uncertain(f"the server's answer has another form: {error}") from error


def query(place: Place) -> dict[str, str]:
    """Return what to ask `/sync`; the first time no more than is needed to go on from."""
    if not place.since:
        return {"filter": _filter(1), "set_presence": "offline"}
    return {"filter": FILTER, "set_presence": "offline", "since": place.since}


def _filter(limit: int) -> str:
    nothing: dict[str, list[str]] = {"types": []}
    room = {"account_data": nothing, "ephemeral": nothing}
    rooms = {**room, "state": _ROOM, "timeline": {**_ROOM, "limit": limit}}
    return msgspec.json.encode(
        {"presence": nothing, "account_data": nothing, "room": rooms}
    ).decode()


FILTER = _filter(TIMELINE_LIMIT)
