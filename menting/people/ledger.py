"""The ledger of consent: entries are only ever added, each holding the hash before it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction

from menting.base import crypto
from menting.people.models import Consent
from menting.users import chain

_START = bytes(32)

_REFUSAL = "the ledger of consent is append-only"
#: The database itself refuses to change or remove an entry, whoever asks.
_GUARDS = {
    "consent_is_never_changed": "before update on people_consent",
    "consent_is_never_removed": "before delete on people_consent",
}
_DROPS = [f"drop trigger if exists {name}" for name in _GUARDS]
_GUARD = {
    "sqlite": [
        f"create trigger if not exists {name} {when} "
        f"begin select raise(abort, '{_REFUSAL}'); end"
        for name, when in _GUARDS.items()
    ],
    # `truncate` too: it fires no row's trigger.
    "postgresql": [
        "create or replace function consent_is_append_only() returns trigger "
        f"language plpgsql as $$ begin raise exception '{_REFUSAL}'; end $$",
        *(
            f"create or replace trigger {name} {when} "
            f"for each {each} execute function consent_is_append_only()"
            for name, when, each in (
                *((name, when, "row") for name, when in _GUARDS.items()),
                (
                    "consent_is_never_emptied",
                    "before truncate on people_consent",
                    "statement",
                ),
            )
        ),
    ],
}
_UNGUARD = {
    "sqlite": _DROPS,
    "postgresql": [f"{drop} on people_consent" for drop in _DROPS]
    + [
        "drop trigger if exists consent_is_never_emptied on people_consent",
        "drop function if exists consent_is_append_only()",
    ],
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
    hold()
    last = Consent.objects.order_by("-pk").values_list("hash", flat=True).first()
    entry.hash = crypto.link_hash(bytes(last) if last else _START, _body(entry))
    entry.save(force_insert=True)
    return entry


def hold() -> None:
    """Let one transaction at a time act on what people said, until it ends.

    Whoever changes people's rows and may then add an entry holds the ledger first, so that
    two such never wait for one another. SQLite has one writer anyway.
    """
    chain.hold("consent")


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
    """Make the database refuse any change; a migration calls this."""
    _execute(_GUARD[connection.vendor])


def unguard() -> None:
    """Take the guards away: to undo the migration, and to empty a test's database."""
    _execute(_UNGUARD[connection.vendor])


def _execute(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


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
