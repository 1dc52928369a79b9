"""The keeper on a real homeserver: what people write is stored once, whatever restarts."""

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from menting.accounts import roster, signin
from menting.accounts.models import Account, AccountState
from menting.base import ids
from menting.cli.demo.homeserver import Homeserver
from menting.people.models import Message
from menting.users import guard
from menting.workers import bridge
from menting.workers.keeper import Keeper
from tests.accounts.rosters import OWNER
from tests.servers.person import Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.homeserver]


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


@contextlib.asynccontextmanager
async def keeping(me: str) -> AsyncIterator[Keeper]:
    keeper = Keeper(me)
    stop = asyncio.Event()
    running = asyncio.create_task(keeper.run(stop))
    try:
        yield keeper
    finally:
        stop.set()
        await asyncio.wait_for(running, 5)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await bridge.call(true):  # noqa: ASYNC110  # the database has no event
            await asyncio.sleep(0.05)


def _import(folder: Path, homeserver: Homeserver, name: str) -> Account:
    path = folder / "roster.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["channel", "handle", "name", "homeserver", "password"])
        handle, password = homeserver.handle(name), homeserver.password(name)
        rows.writerow(["matrix", handle, "店", homeserver.url, password])
    roster.store(guard.at_shell(), roster.read(path))
    signin.want_online(OWNER)
    return Account.objects.get()


def _texts() -> list[str]:
    heard = Message.objects.filter(direction=Message.Direction.IN)
    return list(heard.order_by("pk").values_list("text", flat=True))


async def test_what_is_written_while_it_is_away_is_there_once_after_the_restart(
    tmp_path: Path, homeserver: Homeserver
) -> None:
    shop, visitor = f"shop{ids.code()}", f"person{ids.code()}"
    await homeserver.register({shop: "Shop", visitor: "Person"})
    account = await bridge.call(_import, tmp_path, homeserver, shop)
    async with aiohttp.ClientSession() as http:
        person = Person(homeserver, visitor, http)
        await person.sign_in()
        async with keeping("first"):
            room = await person.open_room(account.handle)
            await person.say(room, "一")
            await until(lambda: _texts() == ["一"])
        await person.say(room, "二")
        async with keeping("second"):
            await until(lambda: len(_texts()) > 1)
            await person.say(room, "三")
            await until(lambda: len(_texts()) > 2)
    assert await bridge.call(_texts) == ["一", "二", "三"]
    await bridge.call(account.refresh_from_db)
    assert account.state == AccountState.OFFLINE
    assert bytes(account.resume)
