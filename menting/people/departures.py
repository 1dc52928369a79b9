"""A person leaves, or a platform says that they want no more: it ends what was agreed."""

from datetime import datetime

from django.db import transaction

from menting.people import consent, outcomes
from menting.people.models import Conversation


@transaction.atomic
def leave(conversation: Conversation, *, event_id: str, at: datetime) -> None:
    """Note that the platform told of a leave or a block; the same event twice counts once.

    Nothing that waits is sent any more; whoever writes again is there again.
    """
    if conversation.left_event == event_id:
        return
    conversation.left_event = event_id
    if at >= conversation.last_at:
        conversation.is_closed = True
        conversation.last_at = at
        outcomes.skip(conversation, reason="left")
    conversation.save(update_fields=["left_event", "is_closed", "last_at"])
    consent.signal(conversation, at=at)


def refuse(conversation: Conversation, *, key: str, at: datetime) -> None:
    """Note that a message was refused because the person blocked the account.

    `key` is the message's own. The platform says nothing of when they did it.
    """
    leave(conversation, event_id=f"refused:{key}", at=at)
