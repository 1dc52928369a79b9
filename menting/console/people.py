"""The people who came: what is known of each, from where, and what each agreed to."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, gettext_lazy

from menting.campaigns.models import Delivery
from menting.console import filters, keyset, timeline
from menting.console.page import OperatorRequest, after, done, refused, show, shown
from menting.console.templatetags.look import MARKS, channel, purpose
from menting.people import erase as erasing
from menting.people import export as exporting
from menting.people.models import ANY_PURPOSE, Consent, Contact, Erasure, Message
from menting.people.sendable import SendState
from menting.spaces.models import GuestbookEntry
from menting.users import guard

_LATEST = keyset.Key("last_at")
_SAID = {
    "granted": gettext_lazy("Agreed to something"),
    "withdrawn": gettext_lazy("Opted out"),
    "nothing": gettext_lazy("Not stated"),
}
_FIELDS = {"name": gettext_lazy("Name"), "language": gettext_lazy("Language")}
KINDS = {
    "messages": gettext_lazy("Messages"),
    "consents": gettext_lazy("Consent"),
    "campaigns": gettext_lazy("Campaigns"),
    "entries": gettext_lazy("Guestbook"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person's latest word on a purpose is, with one account."""

    purpose: str
    account: str
    act: str
    word: str


@shown("people.read")
def people(request: OperatorRequest) -> HttpResponse:
    """List the people, who came last first; by name or address, and by what they said."""
    asked = filters.of(
        request, {"q": None, "said": {key: str(word) for key, word in _SAID.items()}}
    )
    page = keyset.page(request, _asked(asked), by=_LATEST)
    context = {
        "page": page,
        "lines": _lines(page.items),
        "filters": asked,
        "said": {key: str(word) for key, word in _SAID.items()},
        "total": Contact.objects.filter(erased_at=None).count(),
    }
    return show(request, "people.html", context)


@shown("people.read")
def person(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show one person: the time line, the consents in force, the ledger and each fact."""
    one = get_object_or_404(Contact.objects.prefetch_related("identities"), pk=pk)
    if one.erased_at:
        return _erased(request, one)
    ledger = list(
        Consent.objects.filter(contact=one).select_related("account", "wording", "message")
    )
    kind = request.GET.get("kind", "")
    now = standings(ledger)
    line = timeline.of(one, kind=kind, before=_before(request))
    context = {
        "person": one,
        "counts": _counts(one),
        "timeline": line,
        "kinds": KINDS,
        "kind": kind if kind in KINDS else "",
        "older": _older(line, kind),
        "standings": now,
        "granted": sorted(
            {each.purpose for each in now if each.act == Consent.Act.GRANTED}
        ),
        "ledger": _numbered(ledger),
        "facts": [
            {"word": _FIELDS.get(fact.field, fact.field), "fact": fact}
            for fact in one.facts.order_by("field", "-at")
        ],
        "may_erase": guard.may(request.actor, "people.erase"),
        "erase_word": gettext("erase"),
    }
    return show(request, "person.html", context)


@done("people.export")
def export(request: OperatorRequest, pk: int) -> HttpResponse:
    """Give the copy of everything that is kept of a person, as a file."""
    try:
        told = exporting.export(request.actor, pk)
    except erasing.NoSuchPersonError as error:
        raise Http404(str(error)) from error
    answer = HttpResponse(
        json.dumps(told, ensure_ascii=False, indent=1, default=str),
        content_type="application/json; charset=utf-8",
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="person-{pk}.json"'
    return answer


@done("people.erase")
def erase(request: OperatorRequest, pk: int) -> HttpResponse:
    """Erase a person, once the word was typed."""
    if request.POST.get("word", "").strip().lower() != gettext("erase").lower():
        return refused(
            request,
            gettext("The word did not match; nothing was erased."),
            "console:person",
            pk,
        )
    try:
        erasing.erase(request.actor, pk)
    except erasing.NoSuchPersonError as error:
        raise Http404(str(error)) from error
    said = gettext("Erased. The bytes are gone from every file within 24 hours.")
    return after(request, said, "console:people")


def standings(ledger: Iterable[Consent]) -> list[Standing]:
    """Return each purpose's latest word by account; one on every purpose ends all."""
    latest: dict[tuple[str, str], Consent] = {}
    for entry in sorted(ledger, key=lambda entry: entry.pk):
        account = f"{channel(entry.channel)} · {entry.account}"
        if entry.purpose == ANY_PURPOSE:
            for key in [key for key in latest if key[1] == account]:
                latest[key] = entry
        latest[entry.purpose, account] = entry
    return [
        Standing(purpose(what), account, entry.act, str(entry.get_act_display()))
        for (what, account), entry in sorted(latest.items())
    ]


def _erased(request: OperatorRequest, one: Contact) -> HttpResponse:
    """Say that a person was erased, and whether the bytes are gone from the files."""
    erasure = Erasure.objects.filter(contact=one).order_by("-pk").first()
    return show(
        request, "person_erased.html", {"person": one, "erasure": erasure}, status=410
    )


def _asked(asked: filters.Filters) -> "QuerySet[Contact, Contact]":
    rows = Contact.objects.filter(erased_at=None).prefetch_related("identities")
    if words := asked["q"]:
        rows = rows.filter(
            Q(name__icontains=words)
            | Q(pk__in=Contact.objects.filter(identities__external_id__icontains=words))
        )
    if asked["said"] == "nothing":
        return rows.exclude(pk__in=Consent.objects.values("contact"))
    if asked["said"]:
        return rows.filter(
            pk__in=Consent.objects.filter(act=asked["said"]).values("contact")
        )
    return rows


def _lines(contacts: list[Contact]) -> list[dict[str, Any]]:
    said: dict[int, list[Consent]] = {}
    for entry in Consent.objects.filter(contact__in=contacts).select_related("account"):
        said.setdefault(entry.contact_id, []).append(entry)
    return [
        {
            "contact": one,
            "identities": list(one.identities.all()),
            "standings": _by_purpose(standings(said.get(one.pk, []))),
        }
        for one in contacts
    ]


def _by_purpose(found: list[Standing]) -> list[Standing]:
    """Return one standing a purpose; a consent with any account comes first."""
    best: dict[str, Standing] = {}
    named = [one for one in found if one.purpose != purpose(ANY_PURPOSE)]
    for one in named or found:
        if one.purpose not in best or one.act == Consent.Act.GRANTED:
            best[one.purpose] = one
    return [best[what] for what in sorted(best)]


def _counts(one: Contact) -> dict[str, int]:
    by_way = Message.objects.filter(conversation__identity__contact=one).aggregate(
        received=Count("pk", filter=Q(direction="in")),
        sent=Count("pk", filter=Q(direction="out")),
    )
    return {
        **by_way,
        "messages": by_way["received"] + by_way["sent"],
        "campaigns": Delivery.objects.filter(contact=one, state=SendState.ACCEPTED).count(),
        "entries": GuestbookEntry.objects.filter(contact=one).count(),
    }


def _numbered(ledger: list[Consent]) -> list[dict[str, Any]]:
    ordered = sorted(ledger, key=lambda entry: entry.pk)
    numbered = [
        {
            "number": number,
            "entry": entry,
            "mark": MARKS[entry.act],
            "purpose": purpose(entry.purpose),
            "hash": f"{bytes(entry.hash).hex()[:4]}…{bytes(entry.hash).hex()[-2:]}",
        }
        for number, entry in enumerate(ordered, start=1)
    ]
    return numbered[::-1]


def _before(request: OperatorRequest) -> datetime | None:
    try:
        return datetime.fromisoformat(request.GET.get("before", ""))
    except ValueError:
        return None


def _older(line: timeline.Timeline, kind: str) -> str:
    if line.before is None:
        return ""
    return "?" + urlencode({"kind": kind, "before": line.before.isoformat()})
