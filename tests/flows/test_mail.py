"""A person subscribes and stops by mail: roster, keeper, sender, Postfix and Dovecot."""

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import Message
from pathlib import Path

import pytest

from menting.accounts import roster, signin
from menting.accounts.models import Account
from menting.base import ids
from menting.cli.demo.mailhost import Mailhost
from menting.people.models import Consent
from menting.users import guard
from menting.workers import bridge
from menting.workers.keeper import Keeper
from menting.workers.sender import Sender
from tests.accounts.rosters import OWNER
from tests.servers.correspondent import Correspondent, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mailhost]


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


@contextlib.asynccontextmanager
async def _working() -> AsyncIterator[None]:
    keeper, stop = Keeper("first"), asyncio.Event()
    sender = Sender(keeper, "first")
    running = [asyncio.create_task(one.run(stop)) for one in (keeper, sender)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*running), 10)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await bridge.call(true):  # noqa: ASYNC110  # the database has no event
            await asyncio.sleep(0.05)


def _import(folder: Path, host: Mailhost, handle: str) -> Account:
    columns = {"channel": "mail", "handle": handle, "name": "华夏书店"}
    columns |= host.columns(host.add(handle))
    path = folder / "roster.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([columns.keys(), columns.values()])
    stored = roster.read(path)
    assert stored.rejected == []
    roster.store(guard.at_shell(), stored)
    signin.want_online(OWNER)
    return Account.objects.get()


def _acts() -> list[str]:
    return list(Consent.objects.order_by("pk").values_list("act", flat=True))


async def _answer(person: Correspondent, shop: str) -> Message:
    async with asyncio.timeout(30):
        while not (mails := await person.mails_of(shop)):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.2)
    return mails[-1]


async def test_a_person_subscribes_is_answered_and_stops_above_the_quote(
    tmp_path: Path, mailhost: Mailhost
) -> None:
    shop = f"shop{ids.code().lower()}@shop.test"
    ann = Correspondent(mailhost, f"ann{ids.code().lower()}@people.test", name="Ann")
    await bridge.call(_import, tmp_path, mailhost, shop)
    async with _working():
        await ann.post(ann.letter(shop, "subscribe", subject="Your letters"), shop)
        await _until(lambda: len(_acts()) == 1)
        answer = await _answer(ann, shop)
        assert answer["Subject"] == "Re: Your letters"
        assert answer["List-Unsubscribe"] is None
        quoted = "\n".join(f"> {line}" for line in text_of(answer).splitlines())
        stop = f"stop\n\nOn Tuesday, {shop} wrote:\n{quoted}\n"
        reply = ann.letter(shop, stop, subject="Re: Your letters")
        await ann.post(reply, shop)
        await _until(lambda: len(_acts()) == 2)
    granted, withdrew = await bridge.call(_acts)
    assert (granted, withdrew) == ("granted", "withdrawn")
