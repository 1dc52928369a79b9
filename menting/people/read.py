"""What is known of people: a list by pages, one person with the evidence, a time line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from menting.base import clock
from menting.people import registry, segments
from menting.people.consent import IN_FORCE
from menting.people.erase import NoSuchPersonError
from menting.people.models import Consent, Contact, Erasure
from menting.people.registry import Moment

PAGE = 50
MOST_A_PAGE = 500


class BadCursorError(Exception):
    """The cursor is none that a list has given."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list, and the cursor of the next ones, if there are any."""

    items: list[dict[str, Any]]
    next: str | None


def contacts(
    *, segment: object = None, cursor: str | None = None, limit: int = PAGE
) -> Page:
    """List people, who wrote last first.

    Raises SegmentError for a segment, BadCursorError for a cursor that cannot be used.
    """
    size = max(1, min(limit, MOST_A_PAGE))
    rows = Contact.objects.filter(segments.compile(segment or {}), erased_at=None)
    if cursor:
        rows = rows.filter(_after(cursor))
    found = list(
        rows.order_by("-last_at", "-pk").prefetch_related("identities")[: size + 1]
    )
    shown = found[:size]
    agreed = _agreed([contact.pk for contact in shown])
    return Page(
        items=[_item(contact, agreed.get(contact.pk, [])) for contact in shown],
        next=_cursor(shown[-1]) if len(found) > size else None,
    )


def person(contact_id: int) -> dict[str, Any]:
    """Return one person: identities, facts with source and time, consents with evidence.

    Raises NoSuchPersonError.
    """
    rows = Contact.objects.prefetch_related("identities", "facts")
    contact = rows.filter(pk=contact_id).first()
    if contact is None:
        raise NoSuchPersonError(f"there is no person {contact_id}")
    agreed = _agreed([contact_id]).get(contact_id, [])
    return _item(contact, agreed) | {
        "erased_at": contact.erased_at,
        "bytes_gone_at": _bytes_gone_at(contact),
        "facts": [
            {"field": fact.field, "value": fact.value, "source": fact.source, "at": fact.at}
            for fact in contact.facts.all()
        ],
        "consent_history": consents(contact_id),
    }


def consents(contact_id: int) -> list[dict[str, Any]]:
    """Return a person's entries of the ledger in order, each with its evidence."""
    entries = Consent.objects.filter(contact=contact_id).select_related(
        "account", "wording", "message"
    )
    return [_entry(entry) for entry in entries.order_by("pk")]


def timeline(
    contact_id: int, *, before: datetime | None = None, limit: int = PAGE
) -> list[Moment]:
    """Return what happened with a person, the latest first, told by every part."""
    until = before or clock.now()
    moments = [
        moment
        for part in registry.parts()
        for moment in part.timeline(contact_id, until, limit)
    ]
    return sorted(moments, key=lambda moment: (moment.at, moment.id), reverse=True)[:limit]


def _agreed(contact_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the consents in force of some people."""
    if not contact_ids:
        return {}
    marks = ", ".join(["%s"] * len(contact_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.contact_id, c.account_id, c.purpose, c.id from people_consent c "  # noqa: S608  # constants and marks alone
            f"where c.contact_id in ({marks}) and {IN_FORCE} order by c.id",
            list(contact_ids),
        )
        agreed: dict[int, list[dict[str, Any]]] = {}
        for contact, account, purpose, entry in cursor.fetchall():
            agreed.setdefault(contact, []).append(
                {"id": entry, "account": account, "purpose": purpose}
            )
    return agreed


def _item(contact: Contact, agreed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": contact.pk,
        "name": contact.name,
        "language": contact.language,
        "identities": [
            {
                "id": identity.pk,
                "channel": identity.channel,
                "address": identity.external_id,
                "name": identity.name,
            }
            for identity in contact.identities.all()
        ],
        "consents": agreed,
        "created_at": contact.created_at,
        "last_at": contact.last_at,
    }


def _entry(entry: Consent) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "at": entry.at,
        "act": entry.act,
        "channel": entry.channel,
        "account": entry.account_id,
        "account_handle": entry.account.handle,
        "purpose": entry.purpose,
        "wording": entry.wording
        and {
            "id": entry.wording.pk,
            "language": entry.wording.language,
            "version": entry.wording.version,
            "text": entry.wording.text,
        },
        "message": entry.message
        and {
            "id": entry.message.pk,
            "at": entry.message.at,
            "text": entry.message.text,
        },
        "hash": bytes(entry.hash).hex(),
    }


def _bytes_gone_at(contact: Contact) -> datetime | None:
    rows = Erasure.objects.filter(contact=contact).order_by("-pk")
    return rows.values_list("finished_at", flat=True).first()


def _cursor(contact: Contact) -> str:
    return f"{clock.micros(contact.last_at)}.{contact.pk}"


def _after(cursor: str) -> Q:
    try:
        micros, pk = (int(part) for part in cursor.split("."))
        at = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(
            microsecond=micros % 1_000_000
        )
    except (ValueError, OverflowError, OSError) as error:
        raise BadCursorError(
            f"the cursor {cursor!r} is none that a list has given"
        ) from error
    return Q(last_at__lt=at) | Q(last_at=at, pk__lt=pk)
