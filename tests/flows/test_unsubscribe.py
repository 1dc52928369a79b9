"""A person agrees by mail and ends it by the one click of RFC 8058, over the real route."""

from collections.abc import Iterator, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from menting.accounts import vault
from menting.accounts.models import Account
from menting.base import clock
from menting.channels.mail import letter
from menting.server.hooks import Hooks
from menting.workers import bridge
from tests.people.people import Person

pytestmark = pytest.mark.django_db(transaction=True)
ANN = "ann@people.test"


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    yield
    bridge.close()


@pytest.fixture
def ann() -> Person:
    """Give somebody who subscribed by mail."""
    row = Account.objects.create(channel="mail", handle="shop@shop.test", since=clock.now())
    row.sealed = vault.seal(row, {"password": "x"})
    row.save(update_fields=["sealed"])
    ann = Person(row, id=ANN, room=ANN)
    ann.writes("subscribe")
    assert ann.agreed() is not None
    return ann


async def _follow(link: str, method: str) -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"List-Unsubscribe=One-Click"}

    async def send(message: Any) -> None:
        sent.append(message)

    path = unquote(urlsplit(link).path)
    await Hooks()(
        {"type": "http", "method": method, "path": path, "headers": []}, receive, send
    )
    return sent[0]["status"], sent[1]["body"]


async def test_the_link_of_a_mail_ends_what_its_reader_agreed_to(ann: Person) -> None:
    [header, *_] = letter.unsubscribing(ann.account.handle, ANN)
    link = header.partition("<")[2].partition(">")[0]
    status, page = await _follow(link, "GET")
    assert (status, b"<button>" in page) == (200, True)
    assert await bridge.call(ann.agreed) is not None
    status, page = await _follow(link, "POST")
    assert (status, b"You are unsubscribed" in page) == (200, True)
    assert await bridge.call(ann.agreed) is None
