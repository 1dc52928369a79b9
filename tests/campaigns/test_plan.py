"""Who gets a campaign, who does not and why, and what a plan keeps."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from menting.base import clock
from menting.campaigns import (
    advance,
    approve,
    audience,
    content,
    outbox,
    plan,
    postings,
    report,
    statements,
)
from menting.campaigns.errors import (
    HeldError,
    NotApprovedError,
    StateError,
    SupersededError,
)
from menting.campaigns.models import Campaign, Delivery, Posting
from menting.people.models import Contact, Conversation
from menting.people.suppression import Reason as Suppressed
from menting.people.suppression import suppress
from menting.spaces import guestbook, space
from menting.users import guard, house
from menting.users.guard import Actor
from menting.users.models import Role
from tests.campaigns import world

pytestmark = pytest.mark.django_db


def planned(campaign: Campaign) -> dict[int, int]:
    """Plan, and return the account of each person who gets it."""
    plan.plan(world.OWNER, campaign.pk)
    return dict(Delivery.objects.values_list("contact_id", "account_id"))


def conversations(person: Contact) -> "list[Conversation]":
    return list(Conversation.objects.filter(identity__contact=person))


def test_each_person_who_is_left_out_has_the_nearest_reason() -> None:
    ours, other = world.account(), world.account()
    gone = world.account(removed_at=clock.now())
    people = {name: world.contact(name) for name in (
        "gets", "never", "other", "withdrew", "gone", "group", "locked", "closed", "erased"
    )}  # fmt: skip
    for name, person in people.items():
        to = {"other": other, "gone": gone}.get(name, ours)
        (world.talk if name == "never" else world.agree)(person, to)
    world.opt_out(people["withdrew"], ours)
    for name, change in (
        ("group", {"audience": 5}),
        ("locked", {"is_encrypted": True}),
        ("closed", {"is_closed": True}),
    ):
        Conversation.objects.filter(identity__contact=people[name]).update(**change)
    suppress(
        conversations(people["erased"])[0].identity,
        reason=Suppressed.ERASED,
        at=clock.now(),
    )
    campaign = world.draft(world.TOML.replace('from = ["*"]', f'from = ["{ours.handle}"]'))
    campaign.accounts.add(gone)
    told = {
        "never": "never agreed",
        "other": "other account",
        "withdrew": "withdrew",
        "gone": "account cannot send",
        "group": "not a dialogue",
        "locked": "encrypted",
        "closed": "left",
        "erased": "suppressed",
    }
    assert planned(campaign) == {people["gets"].pk: ours.pk}
    assert {one.name: one.reason for one in audience.left_out(campaign)} == told
    campaign.refresh_from_db()
    assert campaign.left_out == dict.fromkeys(told.values(), 1)
    assert set(told.values()) < set(audience.Reason.values)


def test_a_segment_leaves_the_others_out() -> None:
    account = world.account()
    for language in ("en", "zh-hans"):
        world.agree(world.contact(language=language), account)
    only_english = 'segment = \'{"field": "language", "is": "en"}\'\n'
    campaign = world.draft(world.TOML.replace("from", f"{only_english}from"))
    tried = plan.dry_run(campaign.pk)
    assert (tried.planned, tried.left_out) == (1, {"outside the segment": 1})
    assert not Delivery.objects.exists()
    assert len(planned(campaign)) == 1


def test_a_person_of_several_accounts_gets_it_from_the_one_they_wrote_to_last() -> None:
    first, second = world.account(), world.account()
    person = world.contact()
    world.agree(person, first, ago=timedelta(hours=2))
    world.agree(person, second, ago=timedelta(hours=1))
    campaign = world.draft()
    assert planned(campaign) == {person.pk: second.pk}
    world.talk(person, first)
    assert planned(campaign) == {person.pk: first.pk}


def test_a_plan_takes_the_place_of_the_one_before() -> None:
    account = world.account()
    ann, bob = world.friends(account, 2)
    campaign = world.draft()
    assert set(planned(campaign)) == {ann.pk, bob.pk}
    world.opt_out(ann, account)
    assert set(planned(campaign)) == {bob.pk}


def test_a_plan_that_was_killed_midway_is_no_plan_and_is_cleared_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "CHUNK", 2)
    world.friends(world.account(), 5)
    world.furnish()
    campaign = world.draft()
    half_way = plan._begin(campaign.pk)
    audience.stage(half_way)
    plan._insert(half_way)  # killed here: the last transaction never comes
    assert Delivery.objects.count() == 5
    with pytest.raises(StateError, match="only a planned"):
        approve.start(world.OWNER, campaign.pk)
    assert report.status(campaign.pk)["state"] == "draft"
    assert len(planned(campaign)) == 5
    assert report.status(campaign.pk)["state"] == "planned"


def test_of_two_plannings_at_a_time_the_later_one_counts() -> None:
    world.friends(world.account(), 1)
    campaign = world.draft()
    early = plan._begin(campaign.pk)
    assert len(planned(campaign)) == 1
    audience.stage(early)
    with pytest.raises(SupersededError):
        plan._insert(early)


def test_the_language_nearest_to_the_persons_is_chosen() -> None:
    account = world.account()
    spoken = {"en-GB": "en", "zh-Hans-CN": "zh-hans", "": "en", "fr": "en"}
    people = {tag: world.contact(language=tag) for tag in spoken}
    for person in people.values():
        world.agree(person, account)
    world.furnish()
    planned(world.draft())
    for tag, language in spoken.items():
        assert Delivery.objects.get(contact=people[tag]).language == language


def test_nothing_starts_before_the_house_the_plan_and_the_approval() -> None:
    world.friends(world.account(), 1)
    campaign = world.draft()
    with pytest.raises(StateError, match="only a planned"):
        approve.start(world.OWNER, campaign.pk)
    plan.plan(world.OWNER, campaign.pk)
    with pytest.raises(house.HouseIncompleteError):
        approve.start(world.OWNER, campaign.pk)
    world.furnish()
    with pytest.raises(NotApprovedError):
        approve.start(world.OWNER, campaign.pk)
    approve.approve(world.OWNER, campaign.pk)
    house.hold()
    with pytest.raises(HeldError, match="restored"):
        approve.start(world.OWNER, campaign.pk)
    house.go_on(world.OWNER)
    assert approve.start(world.OWNER, campaign.pk).state == "running"
    with pytest.raises(StateError, match="stays as it was planned"):
        plan.plan(world.OWNER, campaign.pk)


def test_a_changed_content_must_be_approved_anew() -> None:
    world.friends(world.account(), 1)
    campaign = world.running()
    approve.pause(world.OWNER, campaign.pk)
    Campaign.objects.update(content={"en": {"text": "Something else"}})
    with pytest.raises(NotApprovedError):
        approve.start(world.OWNER, campaign.pk)


def test_a_restore_pauses_what_runs() -> None:
    world.friends(world.account(), 1)
    campaign = world.running()
    assert outbox.pause_all("restored from a backup") == 1
    campaign.refresh_from_db()
    assert (campaign.state, campaign.reason) == ("paused", "restored from a backup")


def test_a_visitor_may_do_nothing() -> None:
    world.friends(world.account(), 1)
    campaign = world.running()
    visitor = Actor(kind="user", name="9", role=Role.NONE)
    for act in (approve.pause, approve.start, approve.approve, plan.plan):
        with pytest.raises(guard.NotAllowedError):
            act(visitor, campaign.pk)


def test_status_has_the_keys_that_scripts_rely_on() -> None:
    world.friends(world.account(), 3)
    campaign = world.running()
    assert report.status(campaign.pk) == {
        "id": campaign.pk, "state": "running", "planned": 3, "ready": 0, "claimed": 0,
        "dispatching": 0, "accepted": 0, "rejected": 0, "unknown": 0, "skipped": 0,
        "left_out": {},
    }  # fmt: skip


def test_deliveries_are_listed_page_by_page() -> None:
    world.friends(world.account(), 5)
    campaign = world.running()
    first = report.deliveries(campaign.pk, limit=3)
    rest = report.deliveries(campaign.pk, limit=3, after=first.following or 0)
    assert [len(first.items), len(rest.items), rest.following] == [3, 2, None]
    assert len({item["id"] for item in first.items + rest.items}) == 5


def test_walls_and_guestbooks_are_posted_to_once_where_invited() -> None:
    wall = world.account(options={"wall": "#wall:example.org"})
    yard = space.create(
        world.OWNER, slug="yard", name="Yard", about="", time_zone="UTC", language="en"
    )
    invitations = [guestbook.invite(world.OWNER, yard) for _ in range(2)]
    codes = ", ".join(f'"{one.code}"' for one in invitations)
    world.running(
        f'name = "Post"\nwalls = ["{wall.handle}"]\nguestbooks = [{codes}]\n'
        '[post.en]\ntext = "Open"'
    )
    assert Posting.objects.filter(invitation=None).count() == 1
    assert Posting.objects.exclude(invitation=None).count() == 2
    guestbook.revoke(world.OWNER, invitations[1].pk)
    advance.make_ready()
    assert postings.sign_guestbooks(now=clock.now()) == 2
    assert postings.sign_guestbooks(now=clock.now()) == 0
    assert yard.entries.count() == 1
    states = Posting.objects.exclude(invitation=None).order_by("pk")
    assert list(states.values_list("state", flat=True)) == ["accepted", "rejected"]


@pytest.mark.sqlite("reads the plan in SQLite's words")
def test_each_hot_statement_seeks_by_its_index() -> None:
    def _way(sql: str, given: tuple[Any, ...]) -> str:
        with connection.cursor() as cursor:
            cursor.execute(f"explain query plan {sql}", given)
            return " | ".join(row[3] for row in cursor.fetchall())

    now = statements.stored(clock.now())
    pick = _way(statements.PICK, (1, 1, now, 10))
    assert "d USING INDEX delivery_ready (campaign_id=? AND account_id=? AND due<?)" in pick
    assert "SCAN" not in pick
    assert "TEMP B-TREE" not in pick
    old = Delivery.objects.filter(settled_at__lt=clock.now()).exclude(text="")
    assert "delivery_texts" in old.order_by("settled_at")[:1000].explain()
    steps = statements.OF["delivery"]
    assert "delivery_leased" in _way(steps.leased, ())
    expired = steps.expired.format(expired="(lease_until <= %s or lease_by = %s)")
    assert "delivery_leased" in _way(expired, (now, "me"))
    waiting = _way(statements.WAITING.format(accounts="1, 2"), (1, now))
    assert "delivery_ready" in waiting
    audience.stage(world.draft(content.SAMPLE))
    with connection.cursor() as cursor:
        cursor.execute(
            f"explain query plan {audience._STAGE}{audience._IN_ORDER}",
            {"campaign": 1, "purpose": "news"},
        )
        staged = " | ".join(row[3] for row in cursor.fetchall())
    assert "c USING INDEX consent_for (account_id=? AND purpose=? AND act=?)" in staged
