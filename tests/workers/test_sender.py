"""The sender on a platform that does what it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from menting.accounts.models import Account
from menting.base import clock
from menting.campaigns import approve
from menting.campaigns.models import Campaign, Delivery, Posting
from menting.channels import base
from menting.people.models import Reply
from menting.workers import bridge, sender
from menting.workers.sender import Sender
from tests.campaigns import world

pytestmark = pytest.mark.django_db(transaction=True)

Behaviour = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class Platform:
    """Counts what arrives, as the platform's own side; knows keys like Matrix does."""

    idempotent: bool = False
    #: What was received: key, conversation, text.
    received: list[tuple[str, str, str]] = field(default_factory=list)
    asked: int = 0
    #: Called before (and after) a message arrives; may raise or wait.
    before: Behaviour | None = None
    after: Behaviour | None = None
    reported: list[int] = field(default_factory=list)
    sessions: dict[int, "Live"] = field(default_factory=dict)

    def open(self, *accounts: Account) -> None:
        for account in accounts:
            self.sessions[account.pk] = Live(self)

    def report(self, account_id: int, error: base.ChannelError) -> None:
        assert isinstance(error, base.AuthFailed)
        self.reported.append(account_id)
        self.sessions.pop(account_id, None)

    async def take(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        self.asked += 1
        if self.before:
            await self.before(message.text)
        if not (self.idempotent and message.key in self.keys):
            self.received.append((message.key, to.id, message.text))
        if self.after:
            await self.after(message.text)
        return base.Receipt(f"${message.key}", clock.now())

    @property
    def keys(self) -> list[str]:
        return [key for key, _, _ in self.received]


class Live:
    """A session of the platform, and its channel at the same time."""

    name = "matrix"

    def __init__(self, platform: Platform) -> None:
        remembered = timedelta(hours=platform.idempotent)
        self.keys = base.Keys(remembered, remembered, remembered)
        self.send = self.post = platform.take

    @property
    def channel(self) -> "Live":
        return self

    @property
    def session(self) -> "Live":
        return self


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    yield
    bridge.close()


@asynccontextmanager
async def sending(platform: Platform) -> AsyncIterator[Sender]:
    """Let a sender run within the block, and end it as the program does."""
    stop = asyncio.Event()
    one = Sender(platform, f"test:1:{id(stop)}")  # type: ignore[arg-type]  # a fake keeper
    task = asyncio.create_task(one.run(stop))
    try:
        yield one
    finally:
        stop.set()
        await asyncio.wait_for(task, 8)


async def until(what: Callable[[], bool], *, seconds: float = 8) -> None:
    """Wait until the database says so."""
    async with asyncio.timeout(seconds):
        while True:
            if await bridge.call(what):
                return
            await asyncio.sleep(0.05)


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


def all_are(state: str) -> Callable[[], bool]:
    return lambda: set(states()) == {state}


def campaign_of(n: int) -> Account:
    account = world.account()
    world.friends(account, n)
    world.running()
    return account


async def test_everybody_gets_it_once_with_the_mandatory_parts_and_the_campaign_ends() -> (
    None
):
    account = await bridge.call(campaign_of, 30)
    platform = Platform()
    platform.open(account)
    async with sending(platform):
        await until(lambda: Campaign.objects.get().state == "done")
    assert len(platform.received) == len({to for _, to, _ in platform.received}) == 30
    for _, _, text in platform.received:
        assert text.startswith("[Ad] Hello Person ")
        assert "Example Ltd, contact: desk@example.org" in text
        assert text.endswith("Reply STOP to opt out")
    assert await bridge.call(states) == ["accepted"] * 30


async def test_a_lane_sends_one_message_at_a_time_and_lanes_run_side_by_side() -> None:
    def _two_lanes() -> list[Account]:
        both = [world.account(), world.account()]
        for account in both:
            world.friends(account, 5)
        world.running()
        return both

    accounts = await bridge.call(_two_lanes)
    platform, under_way, most = Platform(), 0, 0

    async def _count(_: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1

    platform.before = _count
    platform.open(*accounts)
    async with sending(platform):
        await until(all_are("accepted"))
    assert most == 2


async def test_retry_after_rests_its_own_lane_only() -> None:
    def _two_lanes() -> list[Account]:
        both = [world.account(), world.account()]
        for account in both:
            world.friends(account, 3)
        world.running()
        return both

    slow, fast = await bridge.call(_two_lanes)
    busy, free = Platform(), Platform()

    async def _wait(_: str) -> None:
        raise base.Throttled("busy", retry_after=60)

    busy.before = _wait
    busy.open(slow)
    free.open(fast)
    busy.sessions |= free.sessions
    async with sending(busy):
        await until(lambda: Delivery.objects.filter(state="accepted").count() == 3)
        await asyncio.sleep(0.6)
    assert busy.asked == 1
    row = await bridge.call(Account.objects.get, pk=slow.pk)
    assert row.tat >= clock.micros(clock.now() + timedelta(seconds=50))
    assert await bridge.call(states) == ["accepted"] * 3 + ["ready"] * 3


async def test_a_lost_answer_is_unknown_and_not_sent_again_by_itself() -> None:
    account = await bridge.call(campaign_of, 1)
    platform = Platform()

    async def _lose(_: str) -> None:
        raise base.Uncertain("the connection broke")

    platform.after = _lose
    platform.open(account)
    async with sending(platform):
        await until(all_are("unknown"))
        await asyncio.sleep(0.8)
    assert len(platform.received) == 1


async def test_a_platform_that_knows_keys_is_asked_again_and_nobody_gets_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "REST_AFTER_UNKNOWN", timedelta(0))
    account = await bridge.call(campaign_of, 1)
    platform = Platform(idempotent=True)

    async def _lose_once(_: str) -> None:
        platform.after = None
        raise base.Uncertain("the connection broke")

    platform.after = _lose_once
    platform.open(account)
    async with sending(platform):
        await until(all_are("accepted"))
    assert platform.asked == 2
    assert len(platform.received) == 1


@pytest.mark.parametrize(
    ("error", "state", "asked"),
    [
        (base.Refused("not in the room"), "rejected", 1),
        (base.Unsupported("no text here"), "rejected", 1),
        (base.Refused("full", permanent=False), "ready", 1),
        (base.Unreachable("no route"), "ready", 1),
        (ValueError("a fault of ours"), "unknown", 1),
    ],
)
async def test_each_error_has_its_outcome(error: Exception, state: str, asked: int) -> None:
    account = await bridge.call(campaign_of, 1)
    platform = Platform()

    async def _fail(_: str) -> None:
        raise error

    platform.before = _fail
    platform.open(account)
    async with sending(platform):
        await until(lambda: states() == [state] and Delivery.objects.get().attempts == 1)
        await asyncio.sleep(0.4)
    assert platform.asked == asked
    assert platform.received == []


async def test_a_refused_secret_is_told_to_the_keeper_and_the_message_waits() -> None:
    account = await bridge.call(campaign_of, 1)
    platform = Platform()

    async def _fail(_: str) -> None:
        raise base.AuthFailed("no such token")

    platform.before = _fail
    platform.open(account)
    async with sending(platform):
        await until(lambda: Delivery.objects.get().attempts == 1 and states() == ["ready"])
    assert platform.reported == [account.pk]


async def test_a_pause_stops_between_two_messages() -> None:
    account = await bridge.call(campaign_of, 8)
    platform = Platform()

    platform.open(account)
    campaign = await bridge.call(Campaign.objects.get)

    async def _pause_at_second(_: str) -> None:
        if platform.asked == 2:
            await bridge.call(approve.pause, world.OWNER, campaign.pk)

    platform.before = _pause_at_second
    async with sending(platform):
        await until(lambda: states() == ["accepted"] * 2 + ["ready"] * 6)
        await asyncio.sleep(0.4)
    assert len(platform.received) == 2


async def test_a_stop_lets_the_message_on_the_wire_end() -> None:
    account = await bridge.call(campaign_of, 3)
    platform = Platform()
    on_the_wire = asyncio.Event()

    async def _slow(_: str) -> None:
        on_the_wire.set()
        await asyncio.sleep(0.5)

    platform.before = _slow
    platform.open(account)
    async with sending(platform):
        await on_the_wire.wait()
    assert await bridge.call(states) == ["accepted", "ready", "ready"]


async def test_a_stop_that_cannot_wait_leaves_it_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "STOP_SECONDS", 0.2)
    account = await bridge.call(campaign_of, 2)
    platform = Platform()
    on_the_wire = asyncio.Event()

    async def _hang(_: str) -> None:
        on_the_wire.set()
        await asyncio.sleep(60)

    platform.before = _hang
    platform.open(account)
    async with sending(platform):
        await on_the_wire.wait()
    assert "unknown" in await bridge.call(states)
    assert "dispatching" not in await bridge.call(states)


async def test_a_reply_takes_the_same_road() -> None:
    def _answered() -> Account:
        account = world.account()
        message = world.talk(world.contact(), account)
        Reply.objects.create(
            message=message,
            account=account,
            is_automatic=True,
            text="Thank you",
            due=clock.now(),
        )
        return account

    account = await bridge.call(_answered)
    platform = Platform()
    platform.open(account)
    async with sending(platform):
        await until(lambda: Reply.objects.get().state == "accepted")
    assert [text for _, _, text in platform.received] == ["Thank you"]


async def test_a_post_goes_to_the_wall_once() -> None:
    def _posting() -> Account:
        account = world.account(options={"wall": "#wall:example.org"})
        world.running(
            'name = "Post"\nwalls = ["' + account.handle + '"]\n[post.en]\ntext = "Open"'
        )
        return account

    account = await bridge.call(_posting)
    platform = Platform()
    platform.open(account)
    async with sending(platform):
        await until(lambda: Campaign.objects.get().state == "done")
    [(_, wall, text)] = platform.received
    assert wall == "#wall:example.org"
    assert text == "[Ad] Open\n\nExample Ltd, contact: desk@example.org"
    assert (await bridge.call(Posting.objects.get)).state == "accepted"
