"""People and an account for the tests, and a sender that delivers at once."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from menting.accounts.models import Account
from menting.base import clock
from menting.channels.base import Event, EventType, Peer, Profile
from menting.people import consent, inbox, replies
from menting.people.models import Consent, Contact, Identity, Reply
from menting.people.outbound import Accepted, Outcome

_numbers = itertools.count(1)
ME = "test:1:one"
SENT = Accepted("$out")


def account(channel: str = "matrix") -> Account:
    """Make an account of the house."""
    return Account.objects.create(
        channel=channel, handle=f"desk{next(_numbers)}", since=clock.now()
    )


@dataclass
class Person:
    """A person who writes to an account in one room."""

    account: Account
    name: str = "Lin"
    id: str = field(default_factory=lambda: f"@p{next(_numbers)}:example.org")
    room: str = field(default_factory=lambda: f"!r{next(_numbers)}:example.org")

    def event(
        self,
        type_: EventType,
        text: str = "",
        *,
        id_: str | None = None,
        at: datetime | None = None,
        audience: int = 1,
    ) -> Event:
        """Return what the platform tells of this person's act."""
        return Event(
            id=id_ or f"$e{next(_numbers)}",
            type=type_,
            peer=Peer(self.room),
            sender=Profile(self.id, name=self.name),
            at=at or clock.now(),
            text=text,
            audience=audience,
        )

    def writes(self, text: str, **more: object) -> Event:
        """Write, and have it received; return the event."""
        event = self.event(EventType.MESSAGE, text, **more)  # type: ignore[arg-type]  # passed on
        self.receive(event)
        return event

    def leaves(self, **more: object) -> Event:
        """Leave, and have it received; return the event."""
        event = self.event(EventType.LEFT, **more)  # type: ignore[arg-type]  # passed on
        self.receive(event)
        return event

    def receive(self, *events: Event) -> None:
        """Have the platform tell a batch."""
        inbox.receive(account_id=self.account.pk, events=list(events), resume=b"next")

    @property
    def contact(self) -> Contact:
        """Return the contact that this person became."""
        return Identity.objects.get(external_id=self.id).contact

    def agreed(self) -> Consent | None:
        """Return the consent in force for the account's news."""
        return consent.in_force(self.contact.pk, self.account.pk, "news")

    def answers(self) -> list[Reply]:
        """Return what the person was answered, in order."""
        return list(
            Reply.objects.filter(
                message__conversation__identity__external_id=self.id
            ).order_by("pk")
        )


def deliver(*accounts: Account, outcome: Outcome = SENT) -> int:
    """Send whatever waits, with the same outcome for each; return how many."""
    ids = [one.pk for one in accounts]
    items = replies.claim(ME, ids, now=clock.now() + timedelta(seconds=1), limit=100)
    sent = 0
    for item in items:
        if replies.dispatch(item, item.text or "", me=ME):
            replies.settle(item, outcome, me=ME)
            sent += 1
    return sent
