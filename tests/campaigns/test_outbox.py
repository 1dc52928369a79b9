"""The outbox, one step at a time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from menting.accounts.models import Account
from menting.base import clock
from menting.base.lease import LEASE
from menting.campaigns import advance, approve, outbox, recovery, resolve
from menting.campaigns.errors import StateError
from menting.campaigns.models import Campaign, CampaignState, Delivery
from menting.channels.base import Event, EventType, Peer, Profile
from menting.people import consent, inbox
from menting.people.outbound import Accepted, Later, Outbound, Rejected, Unknown
from menting.users import house
from menting.users.models import AuditEntry
from tests.campaigns import world

pytestmark = pytest.mark.django_db
ME = "here:1:me"
REMEMBERED = timedelta(hours=1)


def claimed(*, limit: int = 100) -> list[Outbound]:
    """Claim for every account, as a sender does."""
    advance.make_ready()
    accounts = list(Delivery.objects.values_list("account_id", flat=True).distinct())
    return outbox.claim(ME, accounts, now=clock.now(), limit=limit)


def only() -> Delivery:
    return Delivery.objects.get()


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_a_message_goes_from_planned_to_accepted_by_every_state() -> None:
    world.friends(world.account(), 1)
    world.running()
    assert states() == ["planned"]
    advance.make_ready()
    assert states() == ["ready"]
    [item] = claimed()
    assert states() == ["claimed"]
    assert outbox.dispatch(item, "Hello", me=ME)
    assert only().state == "dispatching"
    assert only().text == "Hello"
    assert outbox.settle(item, Accepted("$1"), me=ME)
    row = only()
    assert (row.state, row.provider_id, row.lease_by) == ("accepted", "$1", "")


def test_a_withdrawal_after_planning_skips_and_costs_no_pace() -> None:
    account = world.account(interval=60_000_000, burst=1)
    ann, _ = world.friends(account, 2)
    world.running()
    world.opt_out(ann, account)
    items = claimed()
    assert states() == ["skipped", "ready"]
    assert items == []  # the one that pace allowed was looked at; nothing was spent
    assert len(claimed()) == 1
    assert Delivery.objects.get(contact=ann).reason == "withdrew"


def test_a_withdrawal_between_claim_and_dispatch_stops_the_message() -> None:
    account = world.account()
    [ann] = world.friends(account, 1)
    world.running()
    [item] = claimed()
    world.opt_out(ann, account)
    assert not outbox.dispatch(item, "Hello", me=ME)
    outbox.give_back([item], me=ME)
    assert claimed() == []
    assert only().state == "skipped"


def test_a_pause_acts_between_claim_and_dispatch() -> None:
    world.friends(world.account(), 1)
    campaign = world.running()
    [item] = claimed()
    approve.pause(world.OWNER, campaign.pk)
    assert not outbox.dispatch(item, "Hello", me=ME)
    outbox.give_back([item], me=ME)
    assert claimed() == []
    approve.start(world.OWNER, campaign.pk)
    assert len(claimed()) == 1


def test_nothing_is_claimed_while_the_house_is_held() -> None:
    world.friends(world.account(), 1)
    world.running()
    house.hold()
    assert claimed() == []


def test_a_claim_whose_lease_ran_out_is_ready_again() -> None:
    world.friends(world.account(), 1)
    world.running()
    [item] = claimed()
    assert recovery.recover(clock.now() + LEASE) == 0
    assert only().state == "ready"
    assert not outbox.dispatch(item, "Hello", me=ME)


def test_a_dispatch_whose_lease_ran_out_is_unknown_and_never_ready() -> None:
    world.friends(world.account(), 1)
    world.running()
    [item] = claimed()
    assert outbox.dispatch(item, "Hello", me=ME)
    assert recovery.recover(clock.now() + LEASE) == 1
    assert only().state == "unknown"
    assert not outbox.settle(item, Accepted("$1"), me=ME)
    assert claimed() == []


def test_an_older_fence_settles_nothing() -> None:
    world.friends(world.account(), 1)
    world.running()
    [old] = claimed()
    outbox.give_back([old], me=ME)
    [new] = claimed()
    assert outbox.dispatch(new, "Hello", me=ME)
    assert not outbox.settle(old, Accepted("$1"), me=ME)
    assert outbox.settle(new, Accepted("$1"), me=ME)


def test_another_holder_settles_nothing() -> None:
    world.friends(world.account(), 1)
    world.running()
    [item] = claimed()
    assert not outbox.dispatch(item, "Hello", me="there:2:you")
    assert outbox.dispatch(item, "Hello", me=ME)
    assert not outbox.settle(item, Accepted("$1"), me="there:2:you")


def test_what_was_proven_not_sent_waits_and_is_at_last_rejected() -> None:
    world.friends(world.account(), 1)
    world.running()
    for attempt in range(1, outbox.MOST_ATTEMPTS + 1):
        Delivery.objects.update(due=clock.now())
        [item] = claimed()
        assert outbox.dispatch(item, "Hello", me=ME)
        outbox.settle(item, Later("no connection", clock.now()), me=ME)
        assert only().attempts == attempt
        if attempt < outbox.MOST_ATTEMPTS:
            assert only().state == "ready"
            assert only().due > clock.now() + timedelta(seconds=1)
    assert only().state == "rejected"
    assert "gave up" in only().reason


def test_a_second_try_keeps_the_first_text() -> None:
    world.friends(world.account(), 1)
    world.running()
    [item] = claimed()
    assert item.text is None
    outbox.dispatch(item, "Hello", me=ME)
    outbox.settle(item, Later("busy", clock.now()), me=ME)
    Delivery.objects.update(due=clock.now())
    [again] = claimed()
    assert (again.text, again.key) == ("Hello", item.key)


def test_a_lane_is_paced_by_its_account() -> None:
    slow = world.account(interval=60_000_000, burst=2)
    fast = world.account()
    world.friends(slow, 5)
    world.friends(fast, 5)
    world.running()
    by_account = [item.account_id for item in claimed()]
    assert by_account.count(slow.pk) == 2
    assert by_account.count(fast.pk) == 5
    assert claimed() == []


def test_rows_of_a_plan_lie_in_account_order() -> None:
    first, second = world.account(), world.account()
    for _ in range(3):
        world.friends(second, 1)
        world.friends(first, 1)
    world.running()
    accounts = list(Delivery.objects.order_by("pk").values_list("account_id", flat=True))
    assert accounts == [first.pk] * 3 + [second.pk] * 3


def test_one_person_gets_a_campaign_once_as_the_database_says() -> None:
    account = world.account()
    world.friends(account, 1)
    world.running()
    row = only()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_a_delivery_without_consent_is_refused_by_the_database() -> None:
    world.friends(world.account(), 1)
    world.running()
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(consent=None)


def test_a_campaign_ends_when_nothing_is_open() -> None:
    world.friends(world.account(), 2)
    campaign = world.running()
    first, second = claimed()
    for item, outcome in ((first, Accepted("$1")), (second, Unknown("no answer"))):
        assert advance.finish(now=clock.now()) == 0
        outbox.dispatch(item, "Hello", me=ME)
        outbox.settle(item, outcome, me=ME)
    assert advance.finish(now=clock.now()) == 1
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DONE


def unknown() -> Delivery:
    """Bring the one delivery to where nobody knows."""
    [item] = claimed()
    outbox.dispatch(item, "Hello", me=ME)
    outbox.settle(item, Unknown("no answer"), me=ME)
    return only()


def test_an_operator_may_assume_that_it_arrived() -> None:
    world.friends(world.account(), 1)
    world.running()
    row = resolve.resolve(world.OWNER, unknown().pk, answer=resolve.Answer.RECEIVED)
    assert row.state == "accepted"


def test_an_operator_may_send_again_and_the_log_names_the_risk() -> None:
    world.friends(world.account(), 1)
    world.running()
    row = unknown()
    assert advance.finish(now=clock.now()) == 1
    resolve.resolve(world.OWNER, row.pk, answer=resolve.Answer.AGAIN)
    assert Campaign.objects.get().state == CampaignState.RUNNING
    [item] = claimed()
    assert item.text == "Hello"
    assert AuditEntry.objects.latest("pk").detail["risk"] == "may arrive twice"


def test_a_known_outcome_cannot_be_resolved() -> None:
    world.friends(world.account(), 1)
    world.running()
    [item] = claimed()
    outbox.dispatch(item, "Hello", me=ME)
    outbox.settle(item, Rejected("no such room"), me=ME)
    with pytest.raises(StateError, match="is known: “Rejected”"):
        resolve.resolve(world.OWNER, only().pk, answer=resolve.Answer.AGAIN)


def test_a_platform_that_knows_keys_is_asked_again_with_the_same_key_and_text() -> None:
    account = world.account()
    world.friends(account, 1)
    world.running()
    [item] = claimed()
    outbox.dispatch(item, "Hello", me=ME)
    outbox.settle(item, Unknown("no answer"), me=ME)
    assert _asked_again(account, now=clock.now()) == []
    soon = clock.now() + timedelta(seconds=2)
    [again] = _asked_again(account, now=soon)
    assert (again.key, again.text) == (item.key, "Hello")
    assert only().state == "dispatching"
    assert outbox.settle(again, Accepted("$1"), me=ME)


def _asked_again(account: Account, *, now: datetime) -> list[Outbound]:
    since = now - REMEMBERED
    return resolve.ask_again(Delivery, ME, [account.pk], since=since, now=now, limit=10)


def test_nobody_is_asked_for_again_after_a_day_or_an_opt_out() -> None:
    account = world.account()
    [ann] = world.friends(account, 1)
    world.running()
    unknown()
    late = clock.now() + REMEMBERED
    assert _asked_again(account, now=late) == []
    world.opt_out(ann, account)
    soon = clock.now() + timedelta(seconds=2)
    assert _asked_again(account, now=soon) == []
    assert only().state == "unknown"


def test_whoever_blocked_the_account_has_withdrawn_and_others_have_not() -> None:
    account = world.account()
    ann, ben = world.friends(account, 2)
    world.running()
    for item, withdraws in zip(claimed(), (True, False), strict=True):
        outbox.dispatch(item, "Hello", me=ME)
        outbox.settle(item, Rejected("refused", withdraws=withdraws), me=ME)
    assert consent.in_force(ann.pk, account.pk, "news") is None
    assert consent.in_force(ben.pk, account.pk, "news") is not None


def test_a_bounce_ends_the_delivery_that_it_is_about() -> None:
    account = world.account()
    world.friends(account, 2)
    world.running()
    for number, item in enumerate(claimed()):
        outbox.dispatch(item, "Hello", me=ME)
        outbox.settle(item, Accepted(f"m{number}", "waits"), me=ME)
    arrived = Event("a", EventType.ARRIVED, Peer(""), Profile(""), clock.now(), about="m0")
    bounced = replace(arrived, id="b", type=EventType.BOUNCED, text="full", about="m1")
    inbox.receive(account_id=account.pk, events=[arrived, bounced], resume=b"")
    states = Delivery.objects.order_by("provider_id").values_list("state", "reason")
    assert list(states) == [("accepted", ""), ("rejected", "full")]


def test_texts_are_pruned_to_their_hash() -> None:
    world.friends(world.account(), 1)
    world.running()
    [item] = claimed()
    outbox.dispatch(item, "Hello", me=ME)
    outbox.settle(item, Accepted("$1"), me=ME)
    assert outbox.prune_texts(before=clock.now() - timedelta(days=1)) == 0
    assert outbox.prune_texts(before=clock.now() + timedelta(days=1)) == 1
    assert (only().text, len(only().text_hash)) == ("", 64)
