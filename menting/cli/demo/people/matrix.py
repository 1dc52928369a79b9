"""People on Matrix, by plain calls to their homeserver. Run as a script (see `acting`)."""

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from typing_extensions import override
from yarl import URL

from menting.cli.demo.people import acting
from menting.cli.demo.people.acting import TroubleError
from menting.cli.demo.people.cast import Person

POLL_SECONDS = 30
NOTHING: dict[str, list[str]] = {"types": []}
FILTER = {
    "presence": NOTHING,
    "account_data": NOTHING,
    "room": {
        **dict.fromkeys(("account_data", "ephemeral", "state"), NOTHING),
        "timeline": {"types": ["m.room.message"], "limit": 100},
    },
}


@dataclass(slots=True)
class Device:
    """Where one person's client stands."""

    token: str = ""
    room: str = ""
    since: str = ""


class Matrix(acting.Means):
    """Direct rooms with the shops, and one reader of the wall."""

    #: Synapse makes 8 to 10 rooms a second, however many are asked for at once.
    at_once = 12

    def __init__(
        self, told: dict[str, Any], people: list[Person], http: aiohttp.ClientSession
    ) -> None:
        self._root = f"{told['homeserver']}/_matrix/client/v3"
        self._http = http
        self._marker, self._wall = told["marker"], told["wall"]
        self._reader = people[0]
        self._devices = {person: Device() for person in people}
        self._keys = itertools.count(1)
        self._wall_room = ""
        self._posts: set[str] = set()

    @override
    async def come(self, person: Person) -> None:
        """Sign in, open a direct room with the shop, and greet it before it has joined."""
        device = self._devices[person]
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": person.user},
            "password": person.password,
        }
        device.token = (await self._call(person, "POST", "/login", body))["access_token"]
        # The wall has one reader: with all of them there, each joining would wake all.
        if self._wall and person is self._reader:
            wall = await self._call(person, "POST", f"/join/{quote(self._wall)}", {})
            self._wall_room = wall["room_id"]
        room = {"preset": "private_chat", "is_direct": True, "invite": [person.shop]}
        made = await self._call(person, "POST", "/createRoom", room)
        device.room = made["room_id"]
        await self.say(person, person.greeting)
        await self._sync(person, wait=0)

    @override
    async def say(self, person: Person, text: str) -> None:
        key = f"{person.user}-{next(self._keys)}"
        room = quote(self._devices[person].room)
        path = f"/rooms/{room}/send/m.room.message/{key}"
        await self._call(person, "PUT", path, {"msgtype": "m.text", "body": text})

    @override
    async def listen(self, person: Person) -> None:
        while True:
            try:
                await self._sync(person, wait=POLL_SECONDS)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(1)  # the same place is asked for again

    @override
    async def wall_posts(self) -> int:
        return len(self._posts)

    async def _sync(self, person: Person, *, wait: int) -> None:
        device = self._devices[person]
        query = {"filter": json.dumps(FILTER), "timeout": str(wait * 1000)}
        if device.since:
            query["since"] = device.since
        told = await self._call(person, "GET", "/sync", query=query)
        rooms = told.get("rooms", {})
        person.approached += len(rooms.get("invite", {}))
        for room, news in rooms.get("join", {}).items():
            timeline = news.get("timeline", {})
            if timeline.get("limited") and device.since:
                raise TroubleError(f"{person.user} missed messages: nothing can be counted")
            for event in timeline.get("events", []):
                self._read(person, room, event)
        device.since = told["next_batch"]

    def _read(self, person: Person, room: str, event: dict[str, Any]) -> None:
        text = event.get("content", {}).get("body", "")
        own = event["sender"].startswith(f"@{person.user}:")
        if own or event["type"] != "m.room.message":
            return
        known, is_marked = event["event_id"], self._marker in text
        if room == self._wall_room:
            self._posts |= {known} if is_marked else set()
        else:
            person.hear(known, sender=event["sender"], is_marked=is_marked)

    async def _call(
        self,
        person: Person,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        token = self._devices[person].token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = URL(self._root + path, encoded=True).with_query(query)
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            told: dict[str, Any] = await answer.json()
        if answer.status != 200:
            raise TroubleError(f"{method} {path}: {answer.status} {told.get('errcode')}")
        return told


@contextlib.asynccontextmanager
async def matrix(told: dict[str, Any], people: list[Person]) -> AsyncIterator[Matrix]:
    """Give everybody the means of Matrix."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=120),
        connector=aiohttp.TCPConnector(limit=0),
    ) as http:
        yield Matrix(told, people, http)


if __name__ == "__main__":
    sys.exit(asyncio.run(acting.main(matrix)))
