"""The Matrix channel's rig: a real Synapse behind a proxy."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from menting.channels import http
from menting.channels.base import Account
from menting.channels.matrix.channel import Matrix
from menting.cli.demo.homeserver import Homeserver
from tests.servers import proxy
from tests.servers.person import Person
from tests.servers.proxy import Held, Proxy, rewrite

_numbers = itertools.count(1)


class MatrixHuman(Person):
    """A Matrix user, as the suite wants people."""

    async def greet(self, account: Account, text: str) -> str:
        """Make a direct room, invite the account, and write at once."""
        room = await self.open_room(account.handle)
        await self.say(room, text)
        return room

    async def write(self, place: str, text: str) -> str:
        """Write a text."""
        return await self.say(place, text)

    async def write_unreadable(self, place: str) -> None:
        """Send what an encrypting client sends."""
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "ciphertext": "AwgA",
            "session_id": "s",
        }
        await self.emit(place, "m.room.encrypted", content)

    async def put_out(self, place: str, account: Account) -> None:
        """Remove the account from the room."""
        await self.remove(place, account.handle)

    async def received(self, place: str, account: Account) -> list[str]:
        """Ask the server what the account wrote."""
        return await self.read(place, account.handle)


class MatrixRig:
    """Accounts sign in through the proxy; people talk to the homeserver itself."""

    able = frozenset(
        {"names", "tokens", "history", "unseen", "retold", "renames", "leaves"}
        | {"unreadable", "removal", "keys", "throttles", "wall", "twice"}
    )
    most = 1_000
    nowhere = "!nowhere:localhost"
    send_part = "/send/m.room.message/"
    listen_part = "/sync?"

    def __init__(
        self, homeserver: Homeserver, between: Proxy, client: aiohttp.ClientSession
    ) -> None:
        self._homeserver, self._http = homeserver, client
        self.proxy = between
        self.channel = Matrix()

    async def account(self, name: str = "Shop") -> Account:
        """Make an account with that name."""
        number = next(_numbers)
        login = f"shop{number}"
        await self._homeserver.register({login: name})
        secret = {
            "homeserver": self.proxy.url,
            "password": self._homeserver.password(login),
        }
        handle = self._homeserver.handle(login)
        return Account(id=number, handle=handle, name=name, secret=secret)

    async def human(self) -> MatrixHuman:
        """Make a person who is signed in."""
        name = f"person{next(_numbers)}"
        await self._homeserver.register({name: name.title()})
        person = MatrixHuman(self._homeserver, name, self._http)
        await person.sign_in()
        return person

    async def owner(self, account: Account) -> MatrixHuman:
        """Return whoever sits at another client of the same account."""
        name = account.handle[1:].partition(":")[0]
        person = MatrixHuman(self._homeserver, name, self._http)
        await person.sign_in()
        return person

    async def expire(self, secret: Mapping[str, str]) -> None:
        """Sign the device out from elsewhere."""
        headers = {"Authorization": f"Bearer {secret['token']}"}
        url = f"{self._homeserver.url}/_matrix/client/v3/logout"
        async with self._http.post(url, json={}, headers=headers) as answer:
            assert answer.status == 200

    def spoil_events(self) -> None:
        """Put events without form before all that come from now on."""

        def _spoil(raw: bytes) -> bytes:
            told = json.loads(raw)
            for room in told.get("rooms", {}).get("join", {}).values():
                real = room["timeline"]["events"]
                broken = [None, {}, {**real[0], "origin_server_ts": "noon"}]
                empty = {"msgtype": "m.text", "body": ["no text"]}
                strange = {**real[0], "event_id": "$strange", "content": empty}
                room["timeline"]["events"] = [*broken, strange, *real]
            return json.dumps(told).encode()

        self.proxy.always(self.listen_part, rewrite(_spoil))

    def wrong(self, account: Account) -> Account:
        """Return the account with a password that is not its own."""
        return dataclasses.replace(account, secret={**account.secret, "password": "wrong"})

    def without_password(self, secret: Mapping[str, str]) -> dict[str, str]:
        """Return the token, the device and their like."""
        return {key: value for key, value in secret.items() if key != "password"}

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every call."""
        patch.setattr(http, "CALL_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before the homeserver."""
        return self.proxy.hold_request(self.send_part)

    def hold_answer(self) -> Held:
        """Stand behind the homeserver."""
        return self.proxy.hold_answer(self.send_part)

    def cut_answer(self) -> None:
        """Break off."""
        self.proxy.once(self.send_part, proxy.cut_answer)

    def throttle(self, seconds: float) -> None:
        """Answer as Synapse does."""
        told = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": int(seconds * 1000)}
        fault = proxy.answer_with(429, json.dumps(told).encode())
        self.proxy.once(self.send_part, fault)

    def garble(self) -> None:
        """Answer the next sync with half of one."""
        fault = proxy.answer_with(200, b'{"next_batch": 7')
        self.proxy.once(self.listen_part, fault)

    def tell_twice(self) -> None:
        """Repeat every event of a room's timeline."""

        def _twice(raw: bytes) -> bytes:
            told = json.loads(raw)
            for room in told.get("rooms", {}).get("join", {}).values():
                room["timeline"]["events"] = [
                    event for event in room["timeline"]["events"] for _ in range(2)
                ]
            return json.dumps(told).encode()

        self.proxy.always(self.listen_part, rewrite(_twice))

    async def walled(self) -> tuple[Account, str]:
        """Make an account with a public room of its own."""
        account = await self.account()
        wall = await (await self.owner(account)).open_room(public=True)
        return dataclasses.replace(account, options={"wall": wall}), wall

    async def on_wall(self, account: Account, wall: str) -> list[str]:
        """Read the room as somebody who just came."""
        reader = await self.human()
        await reader.join(wall)
        return await reader.read(wall, account.handle)

    async def lose(self) -> None:
        """Stop listening."""
        await self.proxy.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.proxy.come_back()


@contextlib.asynccontextmanager
async def matrix_rig(homeserver: Homeserver) -> AsyncIterator[MatrixRig]:
    """Give a rig with a proxy of its own."""
    between = Proxy(homeserver.url)
    async with aiohttp.ClientSession() as client, between.running():
        rig = MatrixRig(homeserver, between, client)
        yield rig
        await rig.channel.aclose()
