"""The ledger of consent: entries are only ever added, each holding the hash before it."""

from dataclasses import dataclass

from django.db import connection, transaction

from menting.base import crypto
from menting.people.models import Consent

_START = bytes(32)

_REFUSAL = "the ledger of consent is append-only"
#: The database itself refuses to change or remove an entry, whoever asks.
_GUARDS = {
    "consent_is_never_changed": "before update on people_consent",
    "consent_is_never_removed": "before delete on people_consent",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain found; note `head` elsewhere to know a cut end later."""

    entries: int
    head: str
    #: The id of the first entry that does not follow from the one before.
    first_broken: int | None


@transaction.atomic
def append(entry: Consent) -> Consent:
    """Add `entry` at the end of the chain, within the caller's transaction."""
    last = Consent.objects.order_by("-pk").values_list("hash", flat=True).first()
    entry.hash = crypto.link_hash(bytes(last) if last else _START, _body(entry))
    entry.save(force_insert=True)
    return entry


def verify() -> Verdict:
    """Walk the chain from its start and say where it breaks first."""
    previous, entries = _START, 0
    for entry in Consent.objects.order_by("pk").iterator(chunk_size=5000):
        if crypto.link_hash(previous, _body(entry)) != bytes(entry.hash):
            return Verdict(entries=entries, head=previous.hex(), first_broken=entry.pk)
        previous = bytes(entry.hash)
        entries += 1
    return Verdict(entries=entries, head=previous.hex(), first_broken=None)


def guard() -> None:
    """Make the database (SQLite) refuse any change; a migration calls this."""
    with connection.cursor() as cursor:
        for name, when in _GUARDS.items():
            cursor.execute(
                f"create trigger if not exists {name} {when} "
                f"begin select raise(abort, '{_REFUSAL}'); end"
            )


def unguard() -> None:
    """Take the guards away: to undo the migration, and to empty a test's database."""
    with connection.cursor() as cursor:
        for name in _GUARDS:
            cursor.execute(f"drop trigger if exists {name}")


def _body(entry: Consent) -> dict[str, object]:
    # Ids only, so that an erasure leaves the chain whole.
    return {
        "contact": entry.contact_id,
        "identity": entry.identity_id,
        "account": entry.account_id,
        "channel": entry.channel,
        "purpose": entry.purpose,
        "act": str(entry.act),
        "wording": entry.wording_id,
        "message": entry.message_id,
        "at": entry.at.isoformat(),
    }
