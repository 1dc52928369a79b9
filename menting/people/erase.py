"""Erase a person: at once from every row, and from the file's bytes within 24 hours."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet

from menting.base import clock
from menting.base.folder import Folder
from menting.people import consent, ledger, registry, rewrite, suppression
from menting.people.models import Contact, Erasure, Identity
from menting.people.suppression import Reason
from menting.users import audit, guard, house
from menting.users.guard import Actor

log = structlog.get_logger(__name__)

#: Until then no byte is left, as the page says.
PROMISED = timedelta(hours=24)
#: The house's quiet hours, local: VACUUM takes 11 s a GB, and writers wait for it.
QUIET_HOURS = range(3, 5)
#: Without a quiet hour in between it is done anyway: 24 h are promised, 4 h are in hand.
AT_THE_LATEST = timedelta(hours=20)


class NoSuchPersonError(Exception):
    """There is no such person, or they were erased before."""


@transaction.atomic
def erase(actor: Actor, contact_id: int) -> Erasure:
    """Blank all that is personal of a contact; ids, the ledger and a keyed hash stay.

    The hash of each address lets no import bring the person back. The bytes leave the file
    with `finish`; earlier backups keep theirs. Raises NoSuchPersonError.
    """
    guard.check(actor, "people.erase")
    ledger.hold()
    contact = Contact.objects.filter(pk=contact_id, erased_at=None).first()
    if contact is None:
        raise NoSuchPersonError(f"there is no person {contact_id}")
    now = clock.now()
    ended = consent.end(contact_id, at=now)
    for identity in Identity.objects.filter(contact=contact_id):
        suppression.suppress(identity, reason=Reason.ERASED, at=now)
    for part in registry.parts():
        part.erase(contact_id)
    Contact.objects.filter(pk=contact_id).update(erased_at=now)
    audit.record(
        actor, "people.erase", target=f"contact:{contact_id}", detail={"ended": ended}
    )
    return Erasure.objects.create(contact=contact, asked_at=now)


def finish(folder: Folder) -> bool:
    """Take the erased bytes out of the file, if an erasure waits and it is due.

    Due in the quiet hours of the house's zone, or 20 hours after it was asked.
    """
    oldest = _waiting().values_list("asked_at", flat=True).first()
    return oldest is not None and _is_due(oldest, clock.now()) and finish_now(folder)


def finish_now(folder: Folder) -> bool:
    """Rewrite the state without the erased bytes; False while a reader holds the old ones.

    Not within a transaction.
    """
    waiting = list(_waiting().values_list("pk", flat=True))
    if not rewrite.state():
        log.warning("an erasure waits for readers", folder=str(folder.root))
        return False
    Erasure.objects.filter(pk__in=waiting).update(finished_at=clock.now())
    log.info("erasures are finished", erasures=len(waiting))
    return True


def _waiting() -> QuerySet[Erasure]:
    return Erasure.objects.filter(finished_at=None).order_by("asked_at")


def _is_due(asked_at: datetime, now: datetime) -> bool:
    is_quiet = now.astimezone(house.zone()).hour in QUIET_HOURS
    return is_quiet or now - asked_at >= AT_THE_LATEST
