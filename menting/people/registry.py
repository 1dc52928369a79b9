"""What each part keeps of a person, and how it erases, exports and tells it.

Parts above this one register in their `AppConfig.ready`; nothing here imports upward. A
test fails when a model with a foreign key to Contact belongs to no registered part.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from menting.channels.base import Event


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened with a person, in a time line."""

    at: datetime
    #: "message", "reply", "consent", "delivery", "entry"
    kind: str
    id: int
    #: What was said, or what changed, in one line.
    text: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the program that keeps something of people."""

    name: str
    #: Its models with a foreign key to Contact.
    models: tuple[type[Model], ...]
    #: Removes or blanks all that is personal, within the caller's transaction.
    erase: Callable[[int], None]
    #: Returns all that is kept of a contact, as JSON takes it (times may be datetimes).
    export: Callable[[int], dict[str, Any]]
    #: Returns the latest moments of a contact before a time, at most so many.
    timeline: Callable[[int, datetime, int], Iterable[Moment]]
    #: Hears ARRIVED and BOUNCED of a message that an account (its id) had sent.
    outcome: Callable[[int, Event], None] | None = None


_parts: dict[str, Part] = {}


def register(part: Part) -> None:
    """Make a part known; the same name again takes the place of the first."""
    _parts[part.name] = part


def tell_outcome(account_id: int, event: Event) -> None:
    """Tell every part that sends what became of a message, within the transaction."""
    for part in parts():
        if part.outcome is not None:
            part.outcome(account_id, event)


def parts() -> tuple[Part, ...]:
    """Return every part that keeps something of people, by name."""
    return tuple(_parts[name] for name in sorted(_parts))
