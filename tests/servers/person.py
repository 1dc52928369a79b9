"""A Matrix user who writes to the program's accounts, by plain calls to the homeserver."""

import itertools
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from menting.cli.demo.homeserver import Homeserver

_numbers = itertools.count(1)


class Person:
    """Somebody with a Matrix account, who shares no code with the channel."""

    def __init__(
        self, homeserver: Homeserver, name: str, http: aiohttp.ClientSession
    ) -> None:
        self._root = f"{homeserver.url}/_matrix/client/v3"
        self._http = http
        self._homeserver, self._name = homeserver, name
        self._token = ""
        self.id = homeserver.handle(name)

    async def sign_in(self) -> None:
        """Get a token."""
        self._token = await self._homeserver.token(self._name)

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call the homeserver; an error is a failed test."""
        async with self._http.request(
            method,
            URL(self._root + path, encoded=True),
            json=body,
            headers={"Authorization": f"Bearer {self._token}"},
        ) as answer:
            told: dict[str, Any] = await answer.json()
            assert answer.status == 200, told
            return told

    async def open_room(
        self, *invited: str, encrypted: bool = False, public: bool = False
    ) -> str:
        """Make a room, inviting accounts to it, and return its id."""
        lock = {
            "type": "m.room.encryption",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        body = {
            "preset": "public_chat" if public else "private_chat",
            "is_direct": True,
            "invite": list(invited),
            "initial_state": [lock] if encrypted else [],
        }
        return str((await self.call("POST", "/createRoom", body))["room_id"])

    async def invite(self, room: str, who: str) -> None:
        """Invite an account or another person."""
        await self.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": who})

    async def join(self, room: str) -> None:
        """Go into a room."""
        await self.call("POST", f"/rooms/{quote(room)}/join", {})

    async def say(self, room: str, text: str, **content: Any) -> str:
        """Write a text and return the event's id."""
        body = {"msgtype": "m.text", "body": text, **content}
        return await self.emit(room, "m.room.message", body)

    async def emit(self, room: str, kind: str, content: dict[str, Any]) -> str:
        """Send any event and return its id."""
        path = f"/rooms/{quote(room)}/send/{kind}/p{next(_numbers)}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def leave(self, room: str) -> None:
        """Go out of a room."""
        await self.call("POST", f"/rooms/{quote(room)}/leave", {})

    async def remove(self, room: str, who: str) -> None:
        """Remove an account from a room."""
        await self.call("POST", f"/rooms/{quote(room)}/kick", {"user_id": who})

    async def rename(self, name: str) -> None:
        """Take another name."""
        await self.call(
            "PUT", f"/profile/{quote(self.id)}/displayname", {"displayname": name}
        )

    async def read(self, room: str, sender: str) -> list[str]:
        """Return the texts of that sender that the server holds, the oldest first."""
        told = await self.call("GET", f"/rooms/{quote(room)}/messages?dir=b&limit=500")
        return [
            event["content"]["body"]
            for event in reversed(told["chunk"])
            if event["sender"] == sender and event["type"] == "m.room.message"
        ]
