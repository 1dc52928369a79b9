"""The first page calls a person for what only a person can do, and for nothing else."""

from datetime import timedelta

import pytest

from menting.accounts.models import Account
from menting.base import clock
from menting.campaigns.models import Campaign, Delivery
from menting.console import needs
from menting.people.sendable import SendState
from menting.spaces.models import GuestbookEntry
from menting.users import guard, house
from menting.users.guard import Actor
from menting.users.models import House, User
from tests.console.conftest import Sample

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor(owner: User) -> Actor:
    return guard.of_user(owner)


def urls(actor: Actor) -> list[str]:
    return [call.url for call in needs.calls(actor)]


def quiet() -> None:
    """Settle everything that waits in the sample."""
    Account.objects.update(state="online")
    Delivery.objects.update(state=SendState.ACCEPTED)
    GuestbookEntry.objects.update(state=GuestbookEntry.State.APPROVED)


def test_a_new_house_asks_for_its_name_first(actor: Actor) -> None:
    assert urls(actor) == ["/console/settings/#house"]


def test_a_quiet_day_calls_nobody(actor: Actor, sample: Sample) -> None:
    quiet()
    assert needs.calls(actor) == []


def test_each_thing_that_waits_is_called_once(actor: Actor, sample: Sample) -> None:
    assert sorted(urls(actor)) == [
        "/console/accounts/?state=needs_auth",
        f"/console/campaigns/{sample.campaign}/#unknown",
        "/console/spaces/tree/#pending",
    ]


def test_what_waits_longest_stands_first(actor: Actor, sample: Sample) -> None:
    now = clock.now()
    Account.objects.update(since=now - timedelta(hours=1))
    Delivery.objects.update(settled_at=now - timedelta(hours=2))
    GuestbookEntry.objects.update(at=now - timedelta(hours=3))
    assert [url.split("/")[2] for url in urls(actor)] == ["spaces", "campaigns", "accounts"]


def test_a_removed_account_needs_nobody(actor: Actor, sample: Sample) -> None:
    quiet()
    Account.objects.update(state="banned", removed_at=clock.now())
    assert needs.calls(actor) == []


def test_a_pause_of_an_operators_own_calls_nobody(actor: Actor, sample: Sample) -> None:
    quiet()
    Campaign.objects.update(state="paused", reason=needs.BY_OPERATOR)
    assert needs.calls(actor) == []
    Campaign.objects.update(reason="too many opted out")
    assert len(needs.calls(actor)) == 1


def test_a_restored_backup_calls_the_owner_and_not_a_manager(
    actor: Actor, manager: User, sample: Sample
) -> None:
    quiet()
    house.hold()
    assert urls(actor) == ["/console/settings/#go-on"]
    assert needs.calls(guard.of_user(manager)) == []
    house.go_on(actor)
    assert House.objects.get().held_since is None


def test_a_visitor_is_called_to_nothing(sample: Sample) -> None:
    visitor = User.objects.create_user("somebody@example.org")
    assert needs.calls(guard.of_user(visitor)) == []
