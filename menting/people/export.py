"""The copy of everything that is kept of a person, which the law lets them ask for."""

from typing import Any

from django.db import transaction

from menting.people import read, registry
from menting.users import audit, guard
from menting.users.guard import Actor


@transaction.atomic
def export(actor: Actor, contact_id: int) -> dict[str, Any]:
    """Return all that is kept of a person, told by every part (PIPL art. 45, GDPR art. 15).

    Raises NoSuchPersonError.
    """
    guard.check(actor, "people.export")
    told = read.person(contact_id)
    told["kept"] = {part.name: part.export(contact_id) for part in registry.parts()}
    audit.record(actor, "people.export", target=f"contact:{contact_id}")
    return told
