"""The house: the one sender behind this installation, as the law wants it named."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction
from django.utils.translation import gettext

from menting.base import clock
from menting.users import audit, guard
from menting.users.guard import Actor
from menting.users.models import House


class HouseIncompleteError(Exception):
    """The sender's legal name or contact is missing: no campaign may start."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks, as each message must say (Advertising Law art. 43; CAN-SPAM)."""

    legal_name: str
    contact: str


def get() -> House:
    """Return the house, made empty at the first call."""
    house, _ = House.objects.get_or_create(pk=1)
    return house


def zone() -> ZoneInfo:
    """Return the zone in which days of all spaces together are counted."""
    return ZoneInfo(get().time_zone)


def sender() -> Sender:
    """Return who speaks. Raises HouseIncompleteError until the owner has said it."""
    house = get()
    if not (house.legal_name and house.contact):
        raise HouseIncompleteError(
            gettext(
                "no campaign starts before the sender's legal name and contact are given: "
                "settings page, or the link that `menting init --link` prints"
            )
        )
    return Sender(legal_name=house.legal_name, contact=house.contact)


@transaction.atomic
def fill(
    actor: Actor, *, legal_name: str, contact: str, language: str, time_zone: str
) -> House:
    """Store who speaks. Raises ValueError for a time zone that does not exist."""
    guard.check(actor, "house.change")
    if time_zone not in available_timezones():
        raise ValueError(f"there is no time zone {time_zone!r}")
    house = get()
    house.legal_name, house.contact = legal_name.strip(), contact.strip()
    house.language, house.time_zone = language, time_zone
    house.save(update_fields=["legal_name", "contact", "language", "time_zone"])
    audit.record(actor, "house.change", target="house")
    return house


@transaction.atomic
def hold() -> None:
    """Let nothing go out until the owner says go on: the state is older than what left."""
    house = get()
    house.held_since = clock.now()
    house.save(update_fields=["held_since"])
    audit.record(guard.SYSTEM, "house.held", target="house")


@transaction.atomic
def go_on(actor: Actor) -> None:
    """End the hold after a restore; each paused campaign still waits for its own start."""
    guard.check(actor, "house.go_on")
    house = get()
    house.held_since = None
    house.save(update_fields=["held_since"])
    audit.record(actor, "house.go_on", target="house")
