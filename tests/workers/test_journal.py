"""The journal: many writers, few transactions, and each hears of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from menting.accounts import leases, signin, state
from menting.accounts.models import Account, AccountState
from menting.accounts.state import Mark, Renewed, Resume
from menting.base import clock, crypto
from menting.workers import bridge
from menting.workers.journal import Journal
from tests.accounts import rosters
from tests.accounts.rosters import OWNER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


@pytest.fixture
def accounts(tmp_path: Path, transactional_db: None) -> list[Account]:
    made = rosters.stored(tmp_path, 40)
    signin.want_online(OWNER)
    leases.take("k", now=clock.now(), limit=100)
    return made


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Journal]:
    journal = Journal("k")
    task = asyncio.create_task(journal.run())
    yield journal
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_many_say_at_once_is_one_statement_in_one_transaction(
    accounts: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    write = state.write

    def counted(me: str, writes: list[state.Write]) -> None:
        with CaptureQueriesContext(connections["default"]) as asked:
            write(me, writes)
        batches.append(len(writes))
        assert len(asked) <= 6

    monkeypatch.setattr(state, "write", counted)
    async with running() as journal:
        marks = [Mark(one.pk, AccountState.ONLINE) for one in accounts]
        await asyncio.gather(*(journal.write(mark) for mark in marks))
    assert batches == [40]
    online = Account.objects.filter(state=AccountState.ONLINE)
    assert await bridge.call(online.count) == 40


async def test_one_bad_write_fails_its_writer_alone(accounts: list[Account]) -> None:
    bad, good = accounts[0].pk, accounts[1].pk
    await bridge.call(Account.objects.filter(pk=bad).update, sealed=b"of another key")
    async with running() as journal:
        ends = await asyncio.gather(
            journal.write(Renewed(bad, {"token": "t"})),
            journal.write(Resume(good, b"s1")),
            return_exceptions=True,
        )
    assert isinstance(ends[0], crypto.CannotOpenError)
    assert ends[1] is None
    kept = await bridge.call(Account.objects.get, pk=good)
    assert bytes(kept.resume) == b"s1"


async def test_a_writer_that_leaves_holds_nobody_up(accounts: list[Account]) -> None:
    async with running() as journal:
        leaving = asyncio.create_task(journal.write(Resume(accounts[0].pk, b"a")))
        await asyncio.sleep(0)
        leaving.cancel()
        await journal.write(Resume(accounts[1].pk, b"b"))
    kept = await bridge.call(Account.objects.get, pk=accounts[1].pk)
    assert bytes(kept.resume) == b"b"
