"""One live Matrix account: a long poll that receives, and calls that send."""

import asyncio

import msgspec
import structlog
from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.http import proven_not_sent
from menting.channels.matrix import inbox
from menting.channels.matrix.inbox import Place
from menting.channels.matrix.synced import Synced
from menting.channels.matrix.wall import Wall
from menting.channels.matrix.wire import Caller, segment

log = structlog.get_logger(__name__)

POLL_SECONDS = 30.0
#: The server may answer late, but a poll that hangs longer is a lost connection.
POLL_GRACE_SECONDS = 30.0
#: An idle account's place is stored this often; an older one makes the next sync longer.
KEEP_PLACE_SECONDS = 600.0


class MatrixSession(base.Session):
    """An account that is signed in; `Matrix.open` makes it."""

    def __init__(
        self, login: Caller, profile: base.Profile, *, wall: str, takes_invitations: bool
    ) -> None:
        self._login, self._profile = login, profile
        self._inbox = inbox.Inbox(login)
        self._wall = Wall(login, wall)
        walls = Cap.WALL if wall else Cap(0)
        self._caps = Cap.PROFILE | Cap.TEXT | Cap.FOLLOW | Cap.JOIN | walls
        self._takes_invitations = takes_invitations
        self._answered: set[str] = set()
        self._answer_at = 0.0

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        return self._caps

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        place = msgspec.json.decode(resume, type=Place) if resume else Place()
        now = asyncio.get_running_loop().time
        stored_at = now()
        while True:
            await self._answer_invitations(place)
            synced = await self._poll(place)
            events, after = await self._inbox.take_in(synced, place, deliver)
            is_due = not place.since or now() > stored_at + KEEP_PLACE_SECONDS
            # An empty answer each half minute is not worth a transaction of each account.
            if events or is_due or after.invited != place.invited:
                await deliver(events, msgspec.json.encode(after))
                stored_at = now()
            place = after
            self._answered &= set(place.invited)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        return await fetch_profile(self._login, person)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        return await self._write(to.id, message)

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        with proven_not_sent():
            room = await self._wall.room(wall.id)
        return await self._write(room, message)

    @override
    async def close(self) -> None:
        """Do nothing: the connections belong to the channel, the token stays good."""

    async def _write(self, room: str, message: base.Outgoing) -> base.Receipt:
        return await self._put(room, message.key, body_of(message))

    async def _put(self, room: str, key: str, body: dict[str, str]) -> base.Receipt:
        # The server tells a retry by device and key; Synapse remembers it for 24 h.
        path = f"/v3/rooms/{segment(room)}/send/m.room.message/{segment(key)}"
        told = await self._login.call("PUT", path, body=body)
        if not isinstance(told.get("event_id"), str):
            raise base.Uncertain("the server took it but named no event")
        return base.Receipt(told["event_id"], clock.now())

    async def _poll(self, place: Place) -> Synced:
        waiting = set(place.invited) - self._answered
        wait = POLL_SECONDS if place.since else 0.0
        if waiting and self._takes_invitations:
            left = self._answer_at - asyncio.get_running_loop().time()
            wait = min(wait, max(0.0, left))
        query = inbox.query(place) | {"timeout": str(int(wait * 1000))}
        told = await self._login.call(
            "GET", "/v3/sync", query=query, seconds=wait + POLL_GRACE_SECONDS
        )
        return inbox.shaped(told, Synced)

    async def _answer_invitations(self, place: Place) -> None:
        """Join where people invited the account; servers allow few joins a minute."""
        if not self._takes_invitations:
            return
        for room in [room for room in place.invited if room not in self._answered]:
            if asyncio.get_running_loop().time() < self._answer_at:
                return
            await self._answer(room, place)

    async def _answer(self, room: str, place: Place) -> None:
        try:
            await self._login.call("POST", f"/v3/rooms/{segment(room)}/join", body={})
            self._answered.add(room)
        except base.Throttled as error:
            self._answer_at = asyncio.get_running_loop().time() + error.retry_after
        except base.Refused as error:
            log.info("invitation no longer stands", reason=str(error))
            place.invited.remove(room)


def body_of(message: base.Outgoing) -> dict[str, str]:
    """Return a text as Matrix has it."""
    return {"msgtype": "m.text", "body": message.text}


async def fetch_profile(login: Caller, person: str) -> base.Profile:
    """Return what the homeserver shows of a person: of a stranger only the id."""
    try:
        told = await login.call("GET", f"/v3/profile/{segment(person)}")
    except base.Refused:
        return base.Profile(person)
    name, avatar = told.get("displayname"), told.get("avatar_url")
    return base.Profile(
        person,
        name=name if isinstance(name, str) else None,
        avatar=avatar if isinstance(avatar, str) else None,
    )
