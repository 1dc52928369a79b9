"""People by the API: who came, what is known of them, and what they agreed to."""

import json
from datetime import datetime
from typing import Any

from ninja import P, QueryEx

from menting.api import paging
from menting.api.call import ApiRequest
from menting.api.noun import LIMIT, Cursor, Id, Limit, Noun, Shape
from menting.api.problem import Fault, Problem
from menting.people import read

SCOPE = "people:read"

noun = Noun(tags=["people"])


class Identity(Shape):
    """A person's address on a channel."""

    id: int
    channel: str
    address: str
    name: str


class ConsentInForce(Shape):
    """To which account's messages of which purpose a person agrees now."""

    id: int
    account: int
    purpose: str


class Person(Shape):
    """A person who came to the house."""

    id: int
    name: str
    language: str
    identities: list[Identity]
    consents: list[ConsentInForce]
    created_at: datetime
    last_at: datetime


class PersonPage(Shape):
    """Some people, and where the next ones are."""

    items: list[Person]
    next: str | None


class Fact(Shape):
    """What is known of a person, from where, and since when."""

    field: str
    value: str
    source: str
    at: datetime


class AgreedWording(Shape):
    """The words that a person agreed to."""

    id: int
    language: str
    version: int
    text: str


class EvidenceMessage(Shape):
    """The message by which a person agreed or withdrew."""

    id: int
    at: datetime
    text: str


class ConsentEntry(Shape):
    """An entry of the ledger of consent, with its evidence."""

    id: int
    at: datetime
    act: str
    channel: str
    account: int
    account_handle: str
    purpose: str
    wording: AgreedWording | None
    message: EvidenceMessage | None
    hash: str


class ConsentPage(Shape):
    """All entries of a person, in order."""

    items: list[ConsentEntry]
    next: str | None


class WholePerson(Person):
    """A person with what is known, and the ledger's entries."""

    erased_at: datetime | None
    bytes_gone_at: datetime | None
    facts: list[Fact]
    consent_history: list[ConsentEntry]


@noun.reads("/people", scope=SCOPE, answer=PersonPage)
def list_people(
    request: ApiRequest,
    segment: QueryEx[
        str,
        P(
            max_length=8000,
            description="Conditions as JSON (docs/words.md, Segment).",
            examples=['{"field": "consent", "is": "news"}'],
        ),
    ] = "",
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List people, who wrote last first."""
    page = read.contacts(
        segment=_tree(segment), cursor=paging.place(request, cursor), limit=limit
    )
    return {"items": page.items, "next": paging.cursor(request, page.next)}


@noun.reads("/people/{person_id}", scope=SCOPE, answer=WholePerson)
def get_person(request: ApiRequest, person_id: Id) -> dict[str, Any]:
    """Return a person: identities, facts with source and time, consents with evidence."""
    return read.person(person_id)


@noun.reads("/people/{person_id}/consents", scope=SCOPE, answer=ConsentPage)
def list_consents(request: ApiRequest, person_id: Id) -> dict[str, Any]:
    """List what a person agreed to and ended; nothing grants by this API."""
    return {"items": read.person(person_id)["consent_history"], "next": None}


def _tree(segment: str) -> Any:
    if not segment:
        return {}
    try:
        # The standard library's own limits: RecursionError on "[[[[…".
        return json.loads(segment)
    except (ValueError, RecursionError) as error:
        fault = Fault("query", "segment", "is no JSON that can be read")
        raise Problem("invalid", "The segment is no JSON.", errors=(fault,)) from error
