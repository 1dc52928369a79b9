"""A live account of an application service: it is pushed what happens and polls nothing."""

import msgspec
import structlog
from typing_extensions import override

from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.matrix import inbox, synced, timeline
from menting.channels.matrix.inbox import Place
from menting.channels.matrix.masquerade import Masquerade
from menting.channels.matrix.service import Service
from menting.channels.matrix.session import MatrixSession, body_of
from menting.channels.matrix.wire import segment

log = structlog.get_logger(__name__)

#: A field of our own in each message: a homeserver forgets the transaction ids of
#: application services with its next restart (Synapse: after 30 minutes).
KEY = "org.menting.key"
#: Pages of an account's own messages in a room that are looked through for a key.
MOST_PAGES = 5


class ServedSession(MatrixSession):
    """Takes up invitations and keeps the service knowing; events come by webhook."""

    def __init__(
        self,
        acts: Masquerade,
        service: Service,
        profile: base.Profile,
        *,
        wall: str,
        takes_invitations: bool,
    ) -> None:
        super().__init__(acts, profile, wall=wall, takes_invitations=takes_invitations)
        self._acts, self._service = acts, service

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        place = msgspec.json.decode(resume, type=Place) if resume else Place()
        told = await self._acts.call("GET", "/v3/joined_rooms")
        self._service.learn(self._acts.user, inbox.shaped(told, _Joined).joined_rooms)
        if not resume:
            await deliver([], msgspec.json.encode(place))
        while True:
            await self._note_invitations(place, deliver)
            wait = await self._take_up(place, deliver) if self._takes_invitations else None
            await self._count()
            if not self._service.invited(self._acts.user):
                await self._service.news(self._acts.user, self._acts.beat, seconds=wait)

    async def _note_invitations(self, place: Place, deliver: base.Deliver) -> None:
        """Store invitations before they are taken up: the homeserver tells them once."""
        told = self._service.invited(self._acts.user)
        if new := [room for room in told if room not in place.invited]:
            place.invited += new
            await deliver([], msgspec.json.encode(place))
        self._service.answered(self._acts.user, told)

    async def _take_up(self, place: Place, deliver: base.Deliver) -> float | None:
        """Join where people invited the account; return seconds to wait, if it must."""
        for room in list(place.invited):
            self._service.catch_up(self._acts.user, room)
            events: list[base.Event] = []
            try:
                path = f"/v3/rooms/{segment(room)}/join"
                await self._acts.call("POST", path, body={})
                events = await self._caught_up(room)
            except base.Throttled as error:
                self._service.give_up(self._acts.user, room)
                return error.retry_after
            except base.Refused as error:
                log.info("invitation no longer stands", reason=str(error))
                self._service.give_up(self._acts.user, room)
            place.invited.remove(room)
            await deliver(events, msgspec.json.encode(place))
        return None

    async def _caught_up(self, room: str) -> list[base.Event]:
        """Return what was said since the invitation; later things are pushed again."""
        while True:
            self._service.catch_up(self._acts.user, room)
            self._service.count(room, await inbox.ask_joined(self._acts, room))
            earlier = await inbox.since_invitation(self._acts, room, None)
            if self._service.has_caught_up(self._acts.user, room):
                return self._told(room, earlier)

    def _told(self, room: str, earlier: list[synced.RoomEvent]) -> list[base.Event]:
        me, audience = self._acts.user, self._service.audience(room)
        return timeline.tell(
            earlier,
            room=room,
            me=me,
            known=timeline.people(earlier),
            audience=inbox.UNKNOWN_JOINED if audience is None else audience,
        )

    async def _count(self) -> None:
        while room := self._service.to_count(self._acts.user):
            async with self._service.asking:
                self._service.count(room, await inbox.ask_joined(self._acts, room))

    @override
    async def _write(self, room: str, message: base.Outgoing) -> base.Receipt:
        if message.again:
            with proven_not_sent():
                found = await self._sent_before(room, message.key)
            if found:
                return base.Receipt(found.event_id, timeline.time_of(found))
        return await self._put(room, message.key, {**body_of(message), KEY: message.key})

    async def _sent_before(self, room: str, key: str) -> synced.RoomEvent | None:
        own = {"types": ["m.room.message"], "senders": [self._acts.user]}
        only, looked = msgspec.json.encode(own).decode(), 0
        async for page in inbox.pages(self._acts, room, "b", None, only=only):
            for event in synced.valid(page.chunk):
                if event.content.get(KEY) == key and event.sender == self._acts.user:
                    return event
            looked += 1
            if looked == MOST_PAGES:
                raise base.Refused(
                    "too much was sent since to look for it", permanent=False
                )
        return None


class _Joined(msgspec.Struct, frozen=True):
    """An answer of `/joined_rooms`: the account's own, and nobody's else."""

    joined_rooms: list[str]
