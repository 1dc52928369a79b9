"""Accounts of an application service, from roster to inbox, on a real homeserver."""

import csv
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from menting.accounts import roster, signin
from menting.accounts.models import Account, AccountState
from menting.channels.hook import Hook, HookAnswer
from menting.people.models import Conversation, Message
from menting.server.hooks import Hooks
from menting.users import guard
from menting.workers import bridge
from tests.accounts.rosters import OWNER
from tests.servers.appservice import Registration, ServiceServer
from tests.servers.person import Person
from tests.workers.test_keeper_live import keeping, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service_server]


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


async def _call(hook: Hook) -> HookAnswer:
    """Hand a call to the program's webhooks, as its server does."""
    sent: list[dict[str, object]] = []

    async def _receive() -> dict[str, object]:
        return {"type": "http.request", "body": hook.body}

    async def _send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(name.encode(), said.encode()) for name, said in hook.headers.items()]
    scope = {
        "type": "http",
        "method": hook.method,
        "path": f"/hooks/matrix/{hook.path}",
        "headers": headers,
    }
    await Hooks()(scope, _receive, _send)  # type: ignore[arg-type]  # ASGI's loose dicts
    return HookAnswer(int(str(sent[0]["status"])), bytes(sent[1]["body"]))  # type: ignore[call-overload]  # as above


def _import(folder: Path, server: ServiceServer, service: Registration, n: int) -> None:
    path = folder / "roster.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        columns = ["homeserver", "appservice", "as_token", "hs_token"]
        rows.writerow(["channel", "handle", "name", *columns])
        for number in range(n):
            name = f"{service.id}_{'desk' if number == 0 else number}"
            told = [server.url, service.id, service.as_token, service.hs_token]
            rows.writerow(["matrix", server.handle(name), f"店 {number}", *told])
    roster.store(guard.at_shell(), roster.read(path))
    signin.want_online(OWNER)


def _online() -> int:
    return Account.objects.filter(state=AccountState.ONLINE).count()


def _texts() -> list[str]:
    heard = Message.objects.filter(direction=Message.Direction.IN)
    return list(heard.order_by("pk").values_list("text", flat=True))


async def test_what_people_write_to_addresses_of_one_service_is_stored_once(
    tmp_path: Path, service_server: ServiceServer
) -> None:
    service = service_server.service()
    await bridge.call(_import, tmp_path, service_server, service, 20)
    bound = Account.objects.filter(bond__one_holder=True)
    assert await bridge.call(bound.count) == 20
    name = f"guest-of-{service.id}"
    await service_server.register({name: "Guest"})
    async with aiohttp.ClientSession() as http, service_server.pushing(service, _call):
        person = Person(service_server, name, http)
        await person.sign_in()
        async with keeping("first"):
            await until(lambda: _online() == 20)
            room = await person.open_room(f"@{service.id}_7:localhost")
            await person.say(room, "一")
            await until(lambda: _texts() == ["一"])
            await person.say(room, "二")
            await until(lambda: len(_texts()) > 1)
        await person.say(room, "三")
        async with keeping("second"):
            await until(lambda: len(_texts()) > 2)
    assert await bridge.call(_texts) == ["一", "二", "三"]
    place = await bridge.call(Conversation.objects.select_related("account").get)
    assert (place.account.handle, place.audience) == (f"@{service.id}_7:localhost", 1)
