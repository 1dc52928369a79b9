"""The main job over every channel: somebody subscribes, is answered, and hears the news."""

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from menting.accounts import roster, signin
from menting.accounts.models import Account
from menting.campaigns import approve, content, plan
from menting.campaigns.models import Delivery
from menting.channels import base
from menting.people.models import Consent
from menting.workers import bridge
from menting.workers.keeper import Keeper
from menting.workers.sender import Sender
from tests.campaigns import world
from tests.contract.rig import AbleRig as Rig

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 40.0
NEWS = "We open on Sunday"
CAMPAIGN = f"""
name = "Sunday"
from = ["*"]
[content.en]
text = "{NEWS}"
[content.zh-hans]
text = "{NEWS}"
"""


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


@contextlib.asynccontextmanager
async def working(rig: Rig) -> AsyncIterator[None]:
    """Keep the account live and send what is due, as the program does."""
    stop = asyncio.Event()
    keeper = Keeper("first", channel_of=lambda _: rig.channel)
    running = [
        asyncio.create_task(one.run(stop)) for one in (keeper, Sender(keeper, "first"))
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*running), 15)


async def until(true: Callable[[], bool]) -> None:
    """Wait until the database says so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await bridge.call(true):  # noqa: ASYNC110  # the database has no event
            await asyncio.sleep(0.1)


def imported(folder: Path, channel: str, account: base.Account) -> None:
    """Put the account into a roster file, import it and want it online."""
    columns = {"channel": channel, "handle": account.handle, "name": account.name}
    columns |= {name: str(said) for name, said in account.options.items()}
    columns |= account.secret
    path = folder / "roster.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([columns.keys(), columns.values()])
    held = roster.read(path)
    assert held.rejected == []
    roster.store(world.OWNER, held)
    signin.want_online(world.OWNER)


def is_online() -> bool:
    """Say whether the account is live."""
    return Account.objects.filter(state="online").exists()


def send_news() -> None:
    """Plan a campaign to whoever agreed, approve it and start it."""
    world.furnish()
    campaign = content.create(world.OWNER, content.parse(CAMPAIGN))
    plan.plan(world.OWNER, campaign.pk)
    approve.approve(world.OWNER, campaign.pk)
    approve.start(world.OWNER, campaign.pk)


def outcomes() -> list[str]:
    """Return how the deliveries stand."""
    return list(Delivery.objects.values_list("state", flat=True))


async def test_who_subscribed_hears_the_news_once_and_who_did_not_hears_nothing(
    rig: Rig, platform: tuple[str, object], tmp_path: Path
) -> None:
    account, human, stranger = await rig.account(), await rig.human(), await rig.human()
    channel = platform[0].partition("-")[0]
    await bridge.call(imported, tmp_path, channel, account)
    async with working(rig):
        await until(is_online)
        place = await human.greet(account, "subscribe")
        elsewhere = await stranger.greet(account, "hello")
        await until(lambda: Consent.objects.filter(act="granted").count() == 1)
        await bridge.call(send_news)
        await until(lambda: bool(outcomes()) and set(outcomes()) <= SETTLED)
    told = [text for text in await human.received(place, account) if NEWS in text]
    assert len(told) == 1, await bridge.call(_why)
    heard = await stranger.received(elsewhere, account)
    assert not [text for text in heard if NEWS in text]


SETTLED = {"accepted", "rejected", "unknown", "skipped"}


def _why() -> list[tuple[str, str]]:
    return list(Delivery.objects.values_list("state", "reason"))
