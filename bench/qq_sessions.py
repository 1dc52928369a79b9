"""What `bench.qq` lets processes of its own do: hold sessions, and tell what it costs."""

import asyncio
import gc
import json
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import structlog

from bench import sockets
from menting.channels.base import Account, Event
from menting.channels.qq.channel import QQ

#: As many sign-ins side by side as the keeper's gate lets through.
AT_ONCE = 16
#: The sessions stand; what signing in used and frees has been freed.
REST_SECONDS = 3.0
MOST_SECONDS = 120.0

Open = Callable[[int, str, str], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def _hold(side: str, given: dict[str, Any]) -> dict[str, Any]:
    """Open every session, and return the memory of one."""
    make, gate = _ours if side == "ours" else _bare, asyncio.Semaphore(AT_ONCE)
    open_one, close = make(given["url"])

    async def _one(number: int, appid: str, secret: str) -> None:
        async with gate:
            await open_one(number, appid, secret)

    before = sockets.resident_bytes()
    numbered = [(n, *bot) for n, bot in enumerate(given["bots"])]
    await asyncio.gather(*(_one(*bot) for bot in numbered))
    await asyncio.sleep(REST_SECONDS)
    gc.collect()
    told = {"bytes": (sockets.resident_bytes() - before) / len(numbered)}
    await close()
    return told


def _ours(url: str) -> tuple[Open, Close]:
    channel, listening = QQ(), set[asyncio.Task[None]]()

    async def _keep(_secret: object) -> None: ...

    async def _open(number: int, appid: str, secret: str) -> None:
        account = Account(number, appid, "Shop", {"secret": secret}, {"api": url})
        session = await channel.open(account, _keep)
        standing = asyncio.Event()

        async def _deliver(_events: list[Event], _resume: bytes) -> None:
            standing.set()

        listening.add(asyncio.create_task(session.listen(_deliver, b"")))
        await standing.wait()

    async def _close() -> None:
        await _end(listening)
        await channel.aclose()

    return _open, _close


def _bare(url: str) -> tuple[Open, Close]:
    """Do the same calls and the same handshake, and wait for frames."""
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )
    listening = set[asyncio.Task[None]]()

    async def _open(_number: int, appid: str, secret: str) -> None:
        body = {"appId": appid, "clientSecret": secret}
        async with http.post(f"{url}/app/getAppAccessToken", json=body) as answer:
            token = f"QQBot {(await answer.json())['access_token']}"
        headers = {"Authorization": token}
        async with http.get(f"{url}/users/@me", headers=headers) as answer:
            await answer.json()
        async with http.get(f"{url}/gateway/bot", headers=headers) as answer:
            gateway = (await answer.json())["url"]
        ws = await http.ws_connect(gateway)
        assert (await ws.receive_json())["op"] == 10
        identity = {"token": token, "intents": 1 << 25, "shard": [0, 1], "properties": {}}
        await ws.send_json({"op": 2, "d": identity})
        assert (await ws.receive_json())["t"] == "READY"
        listening.add(asyncio.create_task(_listen(ws)))

    async def _close() -> None:
        await _end(listening)
        await http.close()

    return _open, _close


async def _end(listening: set["asyncio.Task[None]"]) -> None:
    for task in listening:
        task.cancel()
    ended = await asyncio.gather(*listening, return_exceptions=True)
    # A session that broke on the way would have cost nothing: the figure would be a lie.
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def _listen(ws: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in ws:
        pass


async def _keep_all(given: dict[str, Any]) -> None:
    """Let the keeper hold the sessions, as `menting run` does."""
    # After Django is set up.
    from menting.accounts.models import Account as Row  # noqa: PLC0415
    from menting.workers import bridge, keeper  # noqa: PLC0415

    heard, lock = Counter[tuple[int, str]](), threading.Lock()

    def _receive(*, account_id: int, events: list[Event], resume: bytes) -> None:
        Row.objects.filter(pk=account_id).update(resume=resume)
        with lock:
            heard.update((account_id, event.id) for event in events)

    async def _standing() -> bool:
        # Each has stored where it would go on from: its gateway stands.
        return not await bridge.call(Row.objects.filter(resume=b"").exists)

    async def _heard_all() -> bool:
        return len(heard) >= wanted

    stop = asyncio.Event()
    running = asyncio.create_task(keeper.Keeper("bench:1:qq", receive=_receive).run(stop))
    await _until(_standing)
    _say({"held": len(given["bots"])})
    wanted = int(await asyncio.to_thread(sys.stdin.readline))
    await _until(_heard_all)
    await asyncio.sleep(REST_SECONDS)
    _say({"lost": wanted - len(heard), "twice": sum(heard.values()) - len(heard)})
    stop.set()
    await running


def _fill(given: dict[str, Any]) -> None:
    """Make the folder and the accounts, wanted online."""
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from menting.accounts import vault  # noqa: PLC0415
    from menting.accounts.models import Account as Row  # noqa: PLC0415
    from menting.base import clock, config  # noqa: PLC0415
    from menting.base.folder import Folder  # noqa: PLC0415

    Folder(config.current().data).prepare()
    call_command("migrate", verbosity=0)
    options, since = {"api": given["url"]}, clock.now()
    rows = [
        Row(channel="qq", handle=appid, options=options, since=since, wanted_online=True)
        for appid, _ in given["bots"]
    ]
    Row.objects.bulk_create(rows)
    for row, (_, secret) in zip(rows, given["bots"], strict=True):
        row.sealed = vault.seal(row, {"secret": secret})
    Row.objects.bulk_update(rows, ["sealed"], batch_size=500)


async def _until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(MOST_SECONDS):
        while not await happened():  # noqa: ASYNC110  # a look at rows, not at tasks
            await asyncio.sleep(0.5)


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the only argument says, with what the first line of the input says."""
    sockets.allow()
    # What is printed is read by the parent.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    side, given = sys.argv[1], json.loads(sys.stdin.readline())
    if side == "keeper":
        _fill(given)
        asyncio.run(_keep_all(given))
    else:
        _say(asyncio.run(_hold(side, given)))


if __name__ == "__main__":
    main()
