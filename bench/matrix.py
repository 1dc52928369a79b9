"""Sign-in and sync of many Matrix accounts in one process, beside bare aiohttp."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from bench.row import Row
from menting.channels.base import Account, Event
from menting.channels.matrix import inbox
from menting.channels.matrix.channel import Matrix
from menting.cli.demo.homeserver import Homeserver

#: As many sign-ins side by side as the keeper's gate lets through.
AT_ONCE = 32
#: The long polls stand; what signing in used and frees has been freed.
REST_SECONDS = 3.0


def measure(*, accounts: int = 1000) -> Iterator[Row]:
    """Sign the same accounts in twice, each time in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="menting-bench-") as folder:
        ours, bare = asyncio.run(_both(Path(folder), accounts))
    yield Row(
        f"Matrix, sign-in and sync of {accounts:,} accounts: CPU",
        ours["cpu"],
        "s",
        bare["cpu"],
        ours["cpu"] / bare["cpu"],
        "≤ 1.5 ×",
    )
    yield Row(
        f"Matrix, a session of {accounts:,}: memory",
        ours["kb"],
        "kB",
        bare["kb"],
        ours["kb"] / bare["kb"],
        "≤ 60 kB",
    )


async def _both(folder: Path, accounts: int) -> tuple[dict[str, float], dict[str, float]]:
    names = [f"shop{number}" for number in range(accounts)]
    async with Homeserver(folder).running() as homeserver:
        await homeserver.register(dict.fromkeys(names, "Shop"))
        asked = {
            "url": homeserver.url,
            "logins": [(homeserver.handle(n), homeserver.password(n)) for n in names],
        }
        ours = await asyncio.to_thread(_child, {"side": "ours", **asked})
        bare = await asyncio.to_thread(_child, {"side": "bare", **asked})
    return ours, bare


def _child(asked: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(  # ourselves
        [sys.executable, "-m", "bench.matrix"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


SignIn = Callable[[int, str, str, asyncio.Event], Awaitable[None]]


async def _run(asked: dict[str, Any]) -> dict[str, float]:
    _allow_sockets()
    make = _ours if asked["side"] == "ours" else _bare
    sign_in, close = await make(asked["url"])
    gate = asyncio.Semaphore(AT_ONCE)
    before, cpu = _resident_kilobytes(), _cpu_seconds()
    live = []

    async def _one(number: int, handle: str, password: str) -> None:
        standing = asyncio.Event()
        async with gate:
            await sign_in(number, handle, password, standing)
            await standing.wait()
        live.append(number)

    async with asyncio.TaskGroup() as group:
        for number, (handle, password) in enumerate(asked["logins"]):
            group.create_task(_one(number, handle, password))
    await asyncio.sleep(REST_SECONDS)
    used = {
        "cpu": _cpu_seconds() - cpu,
        "kb": (_resident_kilobytes() - before) / len(live),
    }
    await close()
    return used


async def _ours(url: str) -> tuple[SignIn, Callable[[], Awaitable[None]]]:
    channel, polls = Matrix(), set()

    async def _keep(_secret: object) -> None: ...

    async def _sign_in(
        number: int, handle: str, password: str, standing: asyncio.Event
    ) -> None:
        secret = {"homeserver": url, "password": password}
        session = await channel.open(Account(number, handle, "Shop", secret), _keep)

        async def _deliver(_events: list[Event], _resume: bytes) -> None:
            standing.set()

        polls.add(asyncio.create_task(session.listen(_deliver, b"")))

    async def _close() -> None:
        await _cancel(polls)
        await channel.aclose()

    return _sign_in, _close


async def _bare(url: str) -> tuple[SignIn, Callable[[], Awaitable[None]]]:
    """Do the same calls with nothing around them: sign-in, profile, sync, long poll."""
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )
    root, polls = f"{url}/_matrix/client/v3", set()

    async def _sign_in(
        _number: int, handle: str, password: str, standing: asyncio.Event
    ) -> None:
        identifier = {"type": "m.id.user", "user": handle}
        body = {
            "type": "m.login.password",
            "identifier": identifier,
            "password": password,
            "refresh_token": True,
        }
        async with http.post(f"{root}/login", json=body) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with http.get(f"{root}/profile/{handle}", headers=headers) as answer:
            await answer.json()
        polls.add(asyncio.create_task(_poll(headers, standing)))

    async def _poll(headers: dict[str, str], standing: asyncio.Event) -> None:
        place = inbox.Place()
        while True:
            query = inbox.query(place)
            query["timeout"] = "30000" if place.since else "0"
            async with http.get(f"{root}/sync", params=query, headers=headers) as answer:
                place.since = (await answer.json())["next_batch"]
            standing.set()

    async def _close() -> None:
        await _cancel(polls)
        await http.close()

    return _sign_in, _close


async def _cancel(polls: set["asyncio.Task[None]"]) -> None:
    for poll in polls:
        poll.cancel()
    ended = await asyncio.gather(*polls, return_exceptions=True)
    # A session that broke on the way would have cost nothing: the figure would be a lie.
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


def _allow_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_kilobytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1000


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(json.load(sys.stdin)))))
