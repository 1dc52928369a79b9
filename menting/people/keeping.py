"""What this part itself keeps of a person: how it is erased, exported and told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from menting.base import clock
from menting.people import outcomes
from menting.people.models import (
    Consent,
    Contact,
    Conversation,
    Erasure,
    Fact,
    Identity,
    Message,
    Reply,
)
from menting.people.registry import Moment, Part
from menting.people.sendable import SendState

#: Takes the place of a platform's id, which may be an address; unique by its own row.
_ERASED_ID = Concat(Value("erased:"), Cast(F("pk"), CharField()))


def erase(contact_id: int) -> None:
    """Blank names, addresses, facts and texts; rows stay where the ledger needs them."""
    Fact.objects.filter(contact=contact_id).delete()
    replies = Reply.objects.filter(message__conversation__identity__contact=contact_id)
    replies.filter(state__in=[SendState.READY, SendState.CLAIMED]).update(
        state=SendState.SKIPPED, settled_at=clock.now()
    )
    replies.update(text="", reason="", provider_id="")
    Message.objects.filter(conversation__identity__contact=contact_id).update(
        text="", event_id=_ERASED_ID
    )
    Conversation.objects.filter(identity__contact=contact_id).update(
        external_id=_ERASED_ID, left_event="", is_closed=True, noticed_at=None, unread=0
    )
    Identity.objects.filter(contact=contact_id).update(
        external_id=_ERASED_ID, name="", endpoint=b""
    )
    Contact.objects.filter(pk=contact_id).update(name="", language="")


def export(contact_id: int) -> dict[str, Any]:
    """Return every conversation with its messages and what each was answered."""
    places = Conversation.objects.filter(identity__contact=contact_id).order_by("pk")
    return {
        "conversations": [
            {
                "id": place.pk,
                "account": place.account_id,
                "address": place.external_id,
                "messages": _messages(place),
            }
            for place in places
        ]
    }


def timeline(contact_id: int, before: datetime, limit: int) -> Iterable[Moment]:
    """Yield messages, replies and entries of the ledger, the latest of each."""
    messages = Message.objects.filter(
        conversation__identity__contact=contact_id, at__lt=before
    )
    for message in messages.order_by("-at", "-pk")[:limit]:
        yield Moment(message.at, "message", message.pk, message.text, message.direction)
    replies = Reply.objects.filter(
        message__conversation__identity__contact=contact_id, due__lt=before
    )
    for reply in replies.order_by("-due", "-pk")[:limit]:
        yield Moment(
            reply.settled_at or reply.due, "reply", reply.pk, reply.text, reply.state
        )
    entries = Consent.objects.filter(contact=contact_id, at__lt=before)
    for entry in entries.order_by("-at", "-pk")[:limit]:
        yield Moment(entry.at, "consent", entry.pk, entry.purpose, entry.act)


PART = Part(
    name="people",
    models=(Fact, Identity, Consent, Erasure),
    erase=erase,
    export=export,
    timeline=timeline,
    outcome=outcomes.heard,
)


def _messages(place: Conversation) -> list[dict[str, Any]]:
    return [
        {
            "id": message.pk,
            "at": message.at,
            "direction": message.direction,
            "text": message.text,
            "is_unreadable": message.is_unreadable,
            "replies": [
                {
                    "id": reply.pk,
                    "text": reply.text,
                    "state": reply.state,
                    "is_automatic": reply.is_automatic,
                    "settled_at": reply.settled_at,
                }
                for reply in message.replies.all()
            ],
        }
        for message in place.messages.prefetch_related("replies").order_by("at", "pk")
    ]
