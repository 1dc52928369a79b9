"""The people of the demo count what really came, and share no code with the product."""

import ast
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from menting.channels.base import Account, Event, EventType, Outgoing, Session
from menting.channels.matrix.channel import Matrix
from menting.cli.demo import people
from menting.cli.demo.homeserver import Homeserver
from menting.cli.demo.people import cast
from tests.contract.rig import Vault

MARKER = "winter reading"


SCRIPTS = sorted(Path(people.__path__[0]).glob("*.py"))


def test_the_scripts_import_nothing_of_the_product_but_one_another() -> None:
    named = {name for file in SCRIPTS for name in _imports(file)}
    ours = {name for name in named if name.partition(".")[0] == "menting"}
    assert {name for name in ours if not name.startswith(people.__name__)} == set()
    foreign = {name.partition(".")[0] for name in named - ours} - sys.stdlib_module_names
    assert foreign == {"aiohttp", "slixmpp", "typing_extensions", "yarl"}


def _imports(file: Path) -> set[str]:
    return {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def test_of_240_people_150_agree_and_12_take_it_back() -> None:
    assert cast.shares(240) == (150, 9, 3)


@pytest.mark.parametrize("size", [1, 3, 5, 8, 24, 611])
def test_there_is_at_least_one_of_each_where_there_are_enough(size: int) -> None:
    agreed, early, late = cast.shares(size)
    if agreed >= 3:
        assert min(early, late, agreed - early - late) >= 1
    assert agreed <= size


class Script:
    """The script as a child process."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def order(self, **order: Any) -> dict[str, Any]:
        """Give one order and return what it ended with."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps(order).encode() + b"\n")
        while line := await self._child.stdout.readline():
            told: dict[str, Any] = json.loads(line)
            assert "error" not in told, told
            if told.get("done") == order["do"]:
                return told
        raise AssertionError("the script ended")

    async def end(self) -> int:
        """Close the pipe and return the exit status."""
        assert self._child.stdin
        self._child.stdin.close()
        return await self._child.wait()


class Shop:
    """A shop that answers everything and remembers who said what."""

    def __init__(self, session: Session, changed: asyncio.Condition) -> None:
        self._session = session
        self.changed = changed
        self.said: dict[str, list[str]] = {}
        self.rooms: dict[str, Any] = {}

    async def hear(self, events: list[Event], _resume: bytes) -> None:
        """Answer each message."""
        for event in events:
            if event.type is EventType.MESSAGE:
                self.said.setdefault(event.sender.id, []).append(event.text)
                self.rooms[event.sender.id] = event.peer
                await self._session.send(event.peer, Outgoing(event.id, "May we write?"))
        async with self.changed:
            self.changed.notify_all()

    async def send(self, person: str, key: str) -> None:
        """Send that person the campaign's message."""
        await self._session.send(self.rooms[person], Outgoing(key, f"{MARKER}: at seven"))


@pytest.fixture
async def shops(homeserver: Homeserver) -> AsyncIterator[list[Shop]]:
    """Give two shops that are live."""
    names = ["peopleshop1", "peopleshop2"]
    await homeserver.register(dict.fromkeys(names, "Shop"))
    channel, live, tasks, changed = Matrix(), [], [], asyncio.Condition()
    for number, name in enumerate(names):
        secret = {"homeserver": homeserver.url, "password": homeserver.password(name)}
        account = Account(number, homeserver.handle(name), name, secret)
        session = await channel.open(account, Vault().keep)
        live.append(Shop(session, changed))
        tasks.append(asyncio.create_task(session.listen(live[-1].hear, b"")))
    yield live
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await channel.aclose()


def _who_said(shops: list[Shop], words: Sequence[str]) -> set[str]:
    """Return who said one of the words after the shop asked."""
    said = {person: texts[1:] for shop in shops for person, texts in shop.said.items()}
    return {person for person, texts in said.items() if set(texts) & set(words)}


@pytest.mark.homeserver
async def test_the_people_tell_once_from_twice_and_unasked(
    homeserver: Homeserver, shops: list[Shop]
) -> None:
    users = [f"crowd{number}" for number in range(16)]
    await homeserver.register({user: user.title() for user in users})
    await homeserver.open_wall("peopleshop1")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"{people.__name__}.matrix"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    script = Script(child)
    told = {
        "homeserver": homeserver.url,
        "people": [(user, homeserver.password(user), user.title()) for user in users],
        "shops": [homeserver.handle("peopleshop1"), homeserver.handle("peopleshop2")],
        "wall": homeserver.wall,
        "marker": MARKER,
        "seed": 7,
    }
    assert child.stdin
    child.stdin.write(json.dumps(told).encode() + b"\n")
    wrote = await script.order(do="write")
    assert (wrote["wrote"], wrote["agreed"], wrote["withdrew"]) == (16, 10, 1)
    assert (await script.order(do="withdraw_late"))["withdrew"] == 1
    async with asyncio.timeout(10), shops[0].changed:
        await shops[0].changed.wait_for(
            lambda: len(_who_said(shops, cast.WITHDRAWALS)) == 2
        )
    agreed = _who_said(shops, cast.AGREEMENTS)
    kept = sorted(agreed - _who_said(shops, cast.WITHDRAWALS))
    assert (len(agreed), len(kept)) == (10, 8)
    for number, shop in enumerate(shops):
        for person in set(shop.said) & set(kept):
            await shop.send(person, f"campaign{number}")
    everybody = {person for shop in shops for person in shop.said}
    assert len(everybody) == 16
    for person in (kept[0], min(everybody - agreed)):
        shop = next(shop for shop in shops if person in shop.said)
        await shop.send(person, "again")
    got = await script.order(do="report", expected=10)
    assert (got["received_once"], got["received_twice"]) == (7, 1)
    assert (got["received_unasked"], got["wall_posts"]) == (1, 0)
    assert await script.end() == 0
