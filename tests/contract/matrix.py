"""The Matrix channel's rig: a real Synapse behind a proxy."""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping

import aiohttp

from menting.channels.base import Account
from menting.channels.matrix.channel import Matrix
from menting.cli.demo.homeserver import Homeserver
from tests.servers.person import Person
from tests.servers.proxy import Proxy, rewrite

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

    send_part = "/send/m.room.message/"
    listen_part = "/sync?"

    def __init__(
        self, homeserver: Homeserver, proxy: Proxy, http: aiohttp.ClientSession
    ) -> None:
        self._homeserver, self._http = homeserver, http
        self.proxy = proxy
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

    async def lose(self) -> None:
        """Stop listening."""
        await self.proxy.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.proxy.come_back()


@contextlib.asynccontextmanager
async def matrix_rig(homeserver: Homeserver) -> AsyncIterator[MatrixRig]:
    """Give a rig with a proxy of its own."""
    proxy = Proxy(homeserver.url)
    async with aiohttp.ClientSession() as http, proxy.running():
        rig = MatrixRig(homeserver, proxy, http)
        yield rig
        await rig.channel.aclose()
