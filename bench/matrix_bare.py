"""The calls of a Matrix account with nothing around them: sign-in, profile, sync, poll."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bench.matrix_used import AT_ONCE, tell
from menting.channels.matrix import inbox


class Bare:
    """Many accounts over one connector."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._root, self._http = f"{url}/_matrix/client/v3", http
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.polls: set[asyncio.Task[None]] = set()

    async def sign_in(self, handle: str, password: str) -> None:
        """Return once the account's long poll stands."""
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": handle},
            "password": password,
            "refresh_token": True,
        }
        standing = asyncio.Event()
        async with self._gate:
            async with self._http.post(f"{self._root}/login", json=body) as answer:
                token = (await answer.json())["access_token"]
            own = {"Authorization": f"Bearer {token}"}
            url = f"{self._root}/profile/{handle}"
            async with self._http.get(url, headers=own) as answer:
                await answer.json()
        self.polls.add(asyncio.create_task(self._poll(own, standing)))
        await standing.wait()

    async def _poll(self, own: dict[str, str], standing: asyncio.Event) -> None:
        place, url = inbox.Place(), f"{self._root}/sync"
        while True:
            query = inbox.query(place)
            query["timeout"] = "30000" if place.since else "0"
            async with self._http.get(url, params=query, headers=own) as answer:
                place.since = (await answer.json())["next_batch"]
            standing.set()


@asynccontextmanager
async def bare(asked: dict[str, Any]) -> AsyncIterator[dict[str, float]]:
    """Keep the accounts' polls within the block."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        accounts = Bare(asked["url"], http)
        await asyncio.gather(*(accounts.sign_in(*login) for login in asked["logins"]))
        yield {}
        for poll in accounts.polls:
            poll.cancel()
        ended = await asyncio.gather(*accounts.polls, return_exceptions=True)
    # A session that broke on the way would have cost nothing: the figure would be a lie.
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


if __name__ == "__main__":
    tell(bare)
