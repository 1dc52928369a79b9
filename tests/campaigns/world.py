"""Accounts, people and campaigns as the product itself makes them."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from menting.accounts.models import Account
from menting.base import clock
from menting.campaigns import approve, content, plan
from menting.campaigns.models import Campaign
from menting.people import consent, suppression
from menting.people.models import Contact, Conversation, Identity, Message
from menting.users import guard, house

OWNER = guard.at_shell()
_numbers = count(1)


def account(**fields: Any) -> Account:
    """Make an account that may send without a limit."""
    fields.setdefault("handle", f"@desk{next(_numbers)}:example.org")
    return Account.objects.create(channel="matrix", since=clock.now(), **fields)


def contact(name: str = "", language: str = "en") -> Contact:
    """Make a person who has come once."""
    now = clock.now()
    return Contact.objects.create(
        name=name or f"Person {next(_numbers)}",
        language=language,
        created_at=now,
        last_at=now,
    )


def talk(person: Contact, to: Account, *, at: datetime | None = None) -> Message:
    """Let the person write to the account; return the message."""
    at = at or clock.now()
    address = f"@person{person.pk}:example.org"
    identity, _ = Identity.objects.get_or_create(
        contact=person,
        channel="matrix",
        external_id=address,
        defaults={
            "created_at": at,
            "endpoint": suppression.endpoint("matrix", "", address),
        },
    )
    place, _ = Conversation.objects.get_or_create(
        account=to,
        identity=identity,
        external_id=f"!room-{to.pk}-{person.pk}:example.org",
        defaults={"last_at": at},
    )
    return Message.objects.create(
        account=to,
        conversation=place,
        direction=Message.Direction.IN,
        event_id=f"$event{next(_numbers)}",
        text="hello",
        at=at,
    )


def agree(person: Contact, to: Account, *, ago: timedelta = timedelta()) -> Message:
    """Let the person agree to hear news from the account."""
    message = talk(person, to, at=clock.now() - ago)
    assert consent.grant(message) is not None
    return message


def opt_out(person: Contact, to: Account) -> None:
    """Let the person say stop to the account."""
    consent.withdraw(talk(person, to))


def friends(to: Account, n: int) -> list[Contact]:
    """Make `n` people who agreed to hear from the account."""
    people = [contact() for _ in range(n)]
    for person in people:
        agree(person, to)
    return people


TOML = """
name = "Spring"
from = ["*"]
[content.zh-hans]
text = "{{ person.name }}，您好"
[content.en]
text = "Hello {{ person.name }}"
"""


def furnish() -> None:
    """Let the house say who speaks."""
    house.fill(
        OWNER,
        legal_name="Example Ltd",
        contact="desk@example.org",
        language="en",
        time_zone="UTC",
    )


def draft(toml: str = TOML) -> Campaign:
    """Make a campaign from all accounts to everybody who agreed."""
    return content.create(OWNER, content.parse(toml))


def running(toml: str = TOML) -> Campaign:
    """Make a campaign that was planned, approved and started."""
    furnish()
    campaign = draft(toml)
    plan.plan(OWNER, campaign.pk)
    approve.approve(OWNER, campaign.pk)
    return approve.start(OWNER, campaign.pk)
