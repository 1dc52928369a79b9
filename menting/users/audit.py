"""The audit log: every act of an operator, append-only, as a chain of hashes."""

from collections.abc import Mapping

from django.db import transaction

from menting.base import clock, crypto
from menting.users import chain
from menting.users.guard import Actor
from menting.users.models import AuditEntry

_START = bytes(32)


def record(
    actor: Actor,
    act: str,
    *,
    target: str = "",
    detail: Mapping[str, int | str] | None = None,
) -> AuditEntry:
    """Add an entry in the caller's transaction: act and entry stand or fall together.

    `detail` takes ids and counts, never a name, an address or a text.
    """
    with transaction.atomic():
        chain.hold("audit")
        entry = AuditEntry(
            at=clock.now(),
            actor=str(actor),
            act=act,
            target=target,
            detail=dict(detail or {}),
        )
        last = AuditEntry.objects.order_by("-pk").values_list("hash", flat=True).first()
        entry.hash = crypto.link_hash(bytes(last) if last else _START, _body(entry))
        entry.save()
    return entry


def first_broken() -> int | None:
    """Return the id of the first entry whose hash does not follow from the one before."""
    previous = _START
    for entry in AuditEntry.objects.order_by("pk").iterator():
        if crypto.link_hash(previous, _body(entry)) != bytes(entry.hash):
            return entry.pk
        previous = bytes(entry.hash)
    return None


def _body(entry: AuditEntry) -> dict[str, object]:
    return {
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "act": entry.act,
        "target": entry.target,
        "detail": entry.detail,
    }
