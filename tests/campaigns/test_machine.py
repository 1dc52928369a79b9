"""The whole state machine, killed and raced between any two steps."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from menting.base import clock
from menting.base.lease import LEASE
from menting.campaigns import advance, approve, outbox, recovery, resolve
from menting.campaigns.models import Campaign, CampaignState, Delivery
from menting.people.models import Contact
from menting.people.outbound import Accepted, Later, Outbound, Rejected, Unknown
from tests.campaigns import world

SENT = Accepted("$id")
#: Where a row may be once its message has reached the platform.
AFTER_ARRIVAL = {"dispatching", "accepted", "unknown"}


@dataclass
class Worker:
    """A sender's memory: what it claimed, what it may send, what it has to write."""

    name: str
    claimed: list[Outbound] = field(default_factory=list)
    dispatched: list[Outbound] = field(default_factory=list)
    answered: list[tuple[Outbound, Accepted | Later | Rejected | Unknown]] = field(
        default_factory=list
    )


class Outbox(RuleBasedStateMachine):
    """Two senders, a platform that counts, an operator, people who change their minds."""

    def __init__(self) -> None:
        super().__init__()
        self._undo = transaction.atomic()
        self._undo.__enter__()
        self.accounts = [world.account(), world.account(interval=1, burst=3)]
        self.people = [p for account in self.accounts for p in world.friends(account, 3)]
        self.campaign = world.running().pk
        self.workers = {name: Worker(name) for name in ("a:1:a", "b:2:b")}
        self.arrived: Counter[int] = Counter()
        self.retries: Counter[int] = Counter()
        self.left: set[int] = set()

    @override
    def teardown(self) -> None:
        try:
            recovery.recover(clock.now() + LEASE)
            for row in Delivery.objects.all():
                assert row.state not in ("claimed", "dispatching"), row.state
                if self.arrived[row.pk] and not self.retries[row.pk]:
                    assert row.state in ("accepted", "unknown")
        finally:
            transaction.set_rollback(True)
            self._undo.__exit__(None, None, None)

    workers_ = st.sampled_from(["a:1:a", "b:2:b"])

    @rule(name=workers_, limit=st.integers(1, 4))
    def claim(self, name: str, limit: int) -> None:
        advance.make_ready()
        accounts = [account.pk for account in self.accounts]
        got = outbox.claim(name, accounts, now=clock.now(), limit=limit)
        self.workers[name].claimed += got
        for item in got:
            assert Delivery.objects.get(pk=item.id).contact_id not in self.left

    @rule(name=workers_)
    def dispatch(self, name: str) -> None:
        worker = self.workers[name]
        if not worker.claimed:
            return
        item = worker.claimed.pop(0)
        if outbox.dispatch(item, "Hello", me=name):
            row = Delivery.objects.get(pk=item.id)
            assert row.contact_id not in self.left
            worker.dispatched.append(item)
        else:
            outbox.give_back([item], me=name)

    @rule(name=workers_, comes=st.booleans(), told=st.booleans())
    def send(self, name: str, comes: bool, told: bool) -> None:
        """Touch the network: the message comes or not, and the answer comes or not."""
        worker = self.workers[name]
        if not worker.dispatched:
            return
        item = worker.dispatched.pop(0)
        if comes:
            self.arrived[item.id] += 1
            worker.answered.append((item, SENT if told else Unknown("no answer")))
        elif told:
            worker.answered.append((item, Later("no route", clock.now())))
        else:
            worker.answered.append((item, Unknown("no answer")))

    @rule(name=workers_)
    def settle(self, name: str) -> None:
        worker = self.workers[name]
        if worker.answered:
            item, outcome = worker.answered.pop(0)
            outbox.settle(item, outcome, me=name)
            Delivery.objects.filter(state="ready").update(due=clock.now())

    @rule(name=workers_)
    def kill(self, name: str) -> None:
        self.workers[name] = Worker(name)

    @rule()
    def leases_run_out(self) -> None:
        """Take rows from senders that may still live, and believe that they hold them."""
        recovery.recover(clock.now() + LEASE)

    @rule(which=st.integers(0, 5))
    def opt_out(self, which: int) -> None:
        person: Contact = self.people[which]
        world.opt_out(person, self.accounts[which // 3])
        self.left.add(person.pk)

    @rule()
    def pause_and_go_on(self) -> None:
        campaign = Campaign.objects.get(pk=self.campaign)
        if campaign.state == CampaignState.RUNNING:
            approve.pause(world.OWNER, self.campaign)
        elif campaign.state == CampaignState.PAUSED:
            approve.start(world.OWNER, self.campaign)

    @rule()
    def finish(self) -> None:
        advance.finish(now=clock.now())

    @precondition(lambda self: Delivery.objects.filter(state="unknown").exists())
    @rule(answer=st.sampled_from(resolve.Answer))
    def resolve(self, answer: resolve.Answer) -> None:
        row = Delivery.objects.filter(state="unknown").order_by("pk")[0]
        resolve.resolve(world.OWNER, row.pk, answer=answer)
        if answer is resolve.Answer.AGAIN:
            self.retries[row.pk] += 1

    @invariant()
    def nobody_gets_two_without_an_operators_word(self) -> None:
        for pk, times in self.arrived.items():
            assert times <= 1 + self.retries[pk]

    @invariant()
    def what_arrived_is_never_sent_again_by_itself(self) -> None:
        arrived = [pk for pk, times in self.arrived.items() if times > self.retries[pk]]
        states = Delivery.objects.filter(pk__in=arrived).values_list("state", flat=True)
        assert set(states) <= AFTER_ARRIVAL

    @invariant()
    def nobody_is_told_to_have_it_who_has_not(self) -> None:
        told = Delivery.objects.filter(state="accepted", provider_id=SENT.message_id)
        for pk in told.values_list("pk", flat=True):
            assert self.arrived[pk]


@pytest.mark.django_db
def test_no_message_is_lost_or_sent_twice_whatever_is_killed_when() -> None:
    run_state_machine_as_test(
        Outbox,
        settings=settings(
            max_examples=25,
            phases=(Phase.reuse, Phase.generate),  # shrinking 40 steps takes minutes
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_one_file_send_each_message_once() -> None:
    accounts = [world.account() for _ in range(4)]
    for account in accounts:
        world.friends(account, 25)
    world.running()
    advance.make_ready()
    with ThreadPoolExecutor(2) as threads:
        lanes = [account.pk for account in accounts]
        both = [threads.submit(_send_all, name, lanes) for name in ("a:1:a", "b:2:b")]
        sent = both[0].result() + both[1].result()
    assert len(sent) == 100
    assert set(sent.values()) == {1}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}


def _send_all(name: str, accounts: list[int]) -> Counter[int]:
    """Send until nothing was found five times; return how often each row was sent."""
    sent: Counter[int] = Counter()
    idle = 0
    try:
        while idle < 5:
            items = outbox.claim(name, accounts, now=clock.now(), limit=7, lane=3)
            idle = 0 if items else idle + 1
            for item in items:
                if outbox.dispatch(item, "Hello", me=name):
                    sent[item.id] += 1
                    assert outbox.settle(item, SENT, me=name)
    finally:
        connection.close()
    return sent
