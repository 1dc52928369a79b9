"""One person's time with the house: messages, consents, campaigns, entries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from menting.accounts.models import Account
from menting.campaigns.models import Delivery
from menting.console.templatetags.look import channel, purpose
from menting.people.models import Consent, Contact, Message, Reply
from menting.spaces.models import GuestbookEntry

SIZE = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened: when, what, the words said and where they come from."""

    at: datetime
    icon: str
    title: str
    quote: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """The moments of one day of the reader's, latest first."""

    day: date
    moments: list[Moment]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of days, and the time before which the next one begins."""

    days: list[Day]
    before: datetime | None


def of(contact: Contact, *, kind: str = "", before: datetime | None = None) -> Timeline:
    """Return the latest moments of a person, of all kinds or one, before a time or now."""
    # Of things at one instant the effect stands on top: a consent above its message.
    sources = {
        "consents": _consents,
        "replies": _replies,
        "messages": _messages,
        "campaigns": _campaigns,
        "entries": _entries,
    }
    wanted = {"": tuple(sources), "messages": ("replies", "messages")}.get(kind, (kind,))
    chosen = [sources[name] for name in wanted if name in sources]
    found = sorted(
        (moment for source in chosen for moment in source(contact, before)),
        key=lambda moment: moment.at,
        reverse=True,
    )
    shown = _whole_instants(found)
    days = [Day(day, list(group)) for day, group in groupby(shown, key=_day)]
    return Timeline(days=days, before=shown[-1].at if len(found) > len(shown) else None)


def _whole_instants(found: list[Moment]) -> list[Moment]:
    """Cut a page where the time changes: a message and the consent in it share theirs."""
    end = min(SIZE, len(found))
    while 0 < end < len(found) and found[end].at == found[end - 1].at:
        end += 1
    return found[:end]


def _day(moment: Moment) -> date:
    return timezone.localtime(moment.at).date()


def _latest(
    rows: "QuerySet[Any, Any]", column: str, before: datetime | None
) -> Iterator[Any]:
    if before is not None:
        rows = rows.filter(**{f"{column}__lt": before})
    # One more than a page, so that a source that fills it alone shows that there is more.
    yield from rows.order_by(f"-{column}", "-pk")[: SIZE + 1]


def _messages(contact: Contact, before: datetime | None) -> Iterator[Moment]:
    rows = Message.objects.filter(conversation__identity__contact=contact)
    for row in _latest(rows.select_related("account"), "at", before):
        is_in = row.direction == Message.Direction.IN
        yield Moment(
            at=row.at,
            icon="say",
            title=gettext("Wrote") if is_in else gettext("Was written to"),
            quote=gettext("[cannot be shown here]") if row.is_unreadable else row.text,
            detail=_by(row.account),
        )


def _replies(contact: Contact, before: datetime | None) -> Iterator[Moment]:
    rows = Reply.objects.filter(
        message__conversation__identity__contact=contact, settled_at__isnull=False
    )
    for row in _latest(rows.select_related("account"), "settled_at", before):
        yield Moment(
            at=row.settled_at,
            icon="say",
            title=gettext("Automatic answer")
            if row.is_automatic
            else gettext("Answer by hand"),
            quote=row.text,
            detail=f"{_by(row.account)} · {row.get_state_display()}",
        )


def _consents(contact: Contact, before: datetime | None) -> Iterator[Moment]:
    rows = Consent.objects.filter(contact=contact).select_related("account", "wording")
    for row in _latest(rows, "at", before):
        is_grant = row.act == Consent.Act.GRANTED
        yield Moment(
            at=row.at,
            icon="consent" if is_grant else "withdraw",
            title=gettext("%(act)s: “%(purpose)s”")
            % {"act": row.get_act_display(), "purpose": purpose(row.purpose)},
            detail=_evidence(row),
        )


def _campaigns(contact: Contact, before: datetime | None) -> Iterator[Moment]:
    rows = Delivery.objects.filter(contact=contact, settled_at__isnull=False)
    for row in _latest(rows.select_related("campaign", "account"), "settled_at", before):
        yield Moment(
            at=row.settled_at,
            icon="campaign",
            title=gettext("Campaign “%(name)s”: %(state)s")
            % {"name": row.campaign.name, "state": row.get_state_display()},
            detail=_by(row.account),
        )


def _entries(contact: Contact, before: datetime | None) -> Iterator[Moment]:
    rows = GuestbookEntry.objects.filter(contact=contact).select_related("space")
    for row in _latest(rows, "at", before):
        yield Moment(
            at=row.at,
            icon="pen",
            title=gettext("Signed the guestbook of %(space)s") % {"space": row.space.name},
            quote=row.text,
        )


def _by(account: Account) -> str:
    return f"{channel(account.channel)} · {account}"


def _evidence(row: Consent) -> str:
    if row.wording is None:
        return _by(row.account)
    return gettext("%(account)s; wording no. %(version)d") % {
        "account": _by(row.account),
        "version": row.wording.version,
    }
