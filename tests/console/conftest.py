"""A house with one of everything, and browsers of those who may and may not enter it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from menting.accounts.models import Account
from menting.campaigns.models import Campaign, Delivery
from menting.people.models import (
    Consent,
    Contact,
    Conversation,
    Fact,
    Identity,
    Message,
    Reply,
    Wording,
)
from menting.spaces.models import GuestbookEntry, Invitation, Link, Post, Space
from menting.users import audit, guard, house
from menting.users.models import Role, User

NOW = datetime(2026, 11, 24, 2, 42, tzinfo=UTC)
#: What nobody should be called, and somebody will be.
HOSTILE = '<script>alert("1")</script>'
LONG = "江南旧籍修复与古书装帧爱好者线上读书会（周四晚间场）第二批报名名单与通知群发组"


@dataclass(frozen=True, slots=True)
class Sample:
    """The ids of what the pages are asked for."""

    account: int
    contact: int
    conversation: int
    campaign: int
    delivery: int
    entry: int
    invitation: int
    slug: str


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner@example.org", name="Lin", role=Role.OWNER)


@pytest.fixture
def manager(db: None) -> User:
    return User.objects.create_user("manager@example.org", name="Gu", role=Role.MANAGER)


@pytest.fixture
def as_owner(owner: User) -> Client:
    return signed_in(owner)


@pytest.fixture
def as_manager(manager: User) -> Client:
    return signed_in(manager)


@pytest.fixture
def as_visitor(db: None) -> Client:
    return signed_in(User.objects.create_user("visitor@example.org"))


@pytest.fixture
def sample(owner: User) -> Sample:
    actor = guard.of_user(owner)
    house.fill(
        actor,
        legal_name="Scholar Tree",
        contact="7 Lane",
        language="en",
        time_zone="Asia/Shanghai",
    )
    audit.record(actor, "account.import", detail={"added": 1})
    account, contact, talk, consent = person(1, HOSTILE)
    person(2, LONG)
    campaign = Campaign.objects.create(
        name=HOSTILE,
        purpose="news",
        content={"en": {"text": "Hello {{ person.name }}"}},
        state="running",
        revision="a" * 64,
        approved_revision="a" * 64,
        approved_by=owner,
        planned_at=NOW,
        started_at=NOW,
        left_out={"never agreed": 3, "withdrew": 1},
        created_at=NOW,
    )
    delivery = Delivery.objects.create(
        campaign=campaign,
        contact=contact,
        identity=talk.identity,
        conversation=talk,
        account=account,
        consent=consent,
        language="en",
        state="unknown",
        due=NOW,
        settled_at=NOW,
    )
    entry, invitation = _space()
    return Sample(
        account=account.pk,
        contact=contact.pk,
        conversation=talk.pk,
        campaign=campaign.pk,
        delivery=delivery.pk,
        entry=entry.pk,
        invitation=invitation.pk,
        slug="tree",
    )


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def person(n: int, name: str) -> tuple[Account, Contact, Conversation, Consent]:
    """Make a person who wrote to an account of their own and agreed."""
    account = Account.objects.create(
        channel="matrix",
        handle=f"@desk{n}:example.org",
        name=name[:120],
        state="needs_auth" if n == 1 else "online",
        reason=name,
        since=NOW,
        wanted_online=True,
    )
    contact = Contact.objects.create(name=name, created_at=NOW, last_at=NOW)
    identity = Identity.objects.create(
        contact=contact,
        channel="matrix",
        external_id=f"@reader{n}:example.org",
        created_at=NOW,
        endpoint=bytes([n]) * 32,
    )
    Fact.objects.create(
        contact=contact, field="name", value=name, source="matrix:message", at=NOW
    )
    talk = Conversation.objects.create(
        account=account, identity=identity, external_id=f"!{n}", last_at=NOW, unread=1
    )
    message = Message.objects.create(
        account=account,
        conversation=talk,
        direction="in",
        event_id=f"$a{n}",
        text=name,
        at=NOW,
    )
    Reply.objects.create(
        message=message,
        account=account,
        is_automatic=True,
        text=name,
        due=NOW,
        state="accepted",
    )
    wording, _ = Wording.objects.get_or_create(
        purpose="news", language="en", version=1, defaults={"text": "May we write?"}
    )
    consent = Consent.objects.create(
        contact=contact,
        identity=identity,
        account=account,
        channel="matrix",
        purpose="news",
        act="granted",
        wording=wording,
        message=message,
        at=NOW + timedelta(seconds=n),
        hash=bytes([n]) * 32,
    )
    return account, contact, talk, consent


def _space() -> tuple[GuestbookEntry, Invitation]:
    space = Space.objects.create(
        slug="tree", name=HOSTILE, time_zone="Asia/Shanghai", created_at=NOW
    )
    Post.objects.create(
        space=space, slug="a", title=HOSTILE, markdown="a", html="a", published_at=NOW
    )
    Link.objects.create(
        space=space, code="abcd", url="https://example.org/", label=HOSTILE, created_at=NOW
    )
    invitation = Invitation.objects.create(
        space=space, code="efgh", note=HOSTILE, issued_at=NOW
    )
    GuestbookEntry.objects.create(
        space=space, name=LONG, text="kept", state="approved", at=NOW
    )
    return (
        GuestbookEntry.objects.create(space=space, name=HOSTILE, text=HOSTILE, at=NOW),
        invitation,
    )
