"""Conversations and their messages, to read and to answer by hand."""

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext

from menting.console import keyset
from menting.console.page import OperatorRequest, after, done, refused, show, shown
from menting.people import replies
from menting.people.models import Consent, Conversation, Message, Reply

_LATEST = keyset.Key("last_at")


@shown("people.read")
def inbox(request: OperatorRequest) -> HttpResponse:
    """List the conversations, the latest first."""
    page = keyset.page(request, _conversations(), by=_LATEST)
    return show(request, "inbox.html", {"page": page, "open": None})


@shown("people.read")
def conversation(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show one conversation beside the list, its newest message last."""
    shown_one = get_object_or_404(_conversations(), pk=pk)
    messages = keyset.page(
        request, shown_one.messages.select_related("account"), by=keyset.Key("at")
    )
    newest_list = list(_conversations().order_by("-last_at", "-pk")[: keyset.SIZE])
    context = {
        "page": keyset.Page(items=newest_list),
        "open": shown_one,
        "messages_page": messages,
        "lines": list(reversed(_lines(messages.items))),
        "consents": Consent.objects.filter(contact=shown_one.identity.contact)
        .select_related("account")
        .order_by("-pk")[:8],
    }
    return show(request, "inbox.html", context)


@done("people.reply")
def reply(request: OperatorRequest, pk: int) -> HttpResponse:
    """Answer the last message of a conversation by hand."""
    one = get_object_or_404(Conversation, pk=pk)
    last = (
        one.messages.filter(direction=Message.Direction.IN).order_by("-at", "-pk").first()
    )
    try:
        replies.by_hand(request.actor, last.pk if last else 0, request.POST.get("text", ""))
    except replies.CannotReplyError as error:
        return refused(request, error, "console:conversation", pk)
    return after(request, gettext("The answer goes out."), "console:conversation", pk)


def _conversations() -> "QuerySet[Conversation, Conversation]":
    newest = Message.objects.filter(conversation=OuterRef("pk")).order_by("-at", "-pk")
    return Conversation.objects.select_related("account", "identity__contact").annotate(
        said=Subquery(newest.values("text")[:1]),
        said_by=Subquery(newest.values("direction")[:1]),
    )


def _lines(messages: list[Message]) -> list[dict[str, object]]:
    """Put beside each message what it agreed to and what it was answered."""
    heard = {
        entry.message_id: entry
        for entry in Consent.objects.filter(message__in=messages).select_related("wording")
    }
    answers: dict[int, list[Reply]] = {}
    for reply in Reply.objects.filter(message__in=messages).order_by("pk"):
        answers.setdefault(reply.message_id, []).append(reply)
    return [
        {
            "message": item,
            "consent": heard.get(item.pk),
            "replies": answers.get(item.pk, []),
        }
        for item in messages
    ]
