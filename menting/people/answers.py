"""What the program itself answers: the notice that asks, and confirmations."""

from datetime import timedelta

from menting.base import clock
from menting.people import consent, standing, suppression, wordings
from menting.people.consent import Heard
from menting.people.models import Conversation, Message, Reply, Wording
from menting.people.wordings import NEWS

#: An older message (a history that a first sign-in brings) is not answered by a program.
ANSWER_WITHIN = timedelta(days=7)


def answer(message: Message, *, heard: Heard, is_first: bool) -> Reply | None:
    """Create the automatic answer to a message, where it is due one.

    A changed consent is confirmed; the first message of a conversation gets the notice that
    asks for it. A word that changed nothing gets no answer, so that two programs that echo
    one another come to rest.
    """
    conversation = message.conversation
    if not _is_answerable(message) or conversation.audience > 1:
        return None
    if heard is Heard.GRANTED:
        return _say(message, wordings.GRANTED)
    if heard is Heard.WITHDRAWN:
        return _say(message, wordings.WITHDRAWN)
    if heard is Heard.NOTHING and is_first and may_ask(conversation):
        return _ask(message)
    return None


def say_unreadable(message: Message) -> Reply | None:
    """Answer that encrypted conversations and files cannot be read here."""
    if not _is_answerable(message) or message.conversation.audience > 1:
        return None
    return _say(message, wordings.UNREADABLE)


def notice_arrived(notice: Reply) -> None:
    """Open the 24 hours in which "yes" answers a notice that the platform has taken.

    The person may have answered while the outcome was still on its way to the database:
    what they wrote since the notice left is heard now.
    """
    conversation = notice.message.conversation
    if notice.dispatched_at is None or not may_ask(conversation):
        return
    conversation.noticed_at = notice.dispatched_at
    conversation.save(update_fields=["noticed_at"])
    for message in Message.objects.filter(
        conversation=conversation,
        direction=Message.Direction.IN,
        pk__gt=notice.message_id,
        at__gte=notice.dispatched_at,
    ).order_by("pk"):
        message.conversation = conversation
        answer(message, heard=consent.hear_answer(message), is_first=False)


def _is_answerable(message: Message) -> bool:
    is_fresh = message.at > clock.now() - ANSWER_WITHIN
    return is_fresh and not message.conversation.is_closed


def may_ask(conversation: Conversation) -> bool:
    """Say whether a notice is due: not to who agreed, refused, left or was erased."""
    identity = conversation.identity
    known = standing.of(identity.contact_id)
    return (
        not known.has_refused
        and (conversation.account_id, NEWS) not in known.granted
        and suppression.since(bytes(identity.endpoint)) is None
    )


def _ask(message: Message) -> Reply:
    wording = wordings.current(NEWS, _spoken(message))
    return _create(message, text=wording.text, wording=wording)


def _say(message: Message, texts: dict[str, str]) -> Reply:
    return _create(message, text=texts[_spoken(message)])


def _spoken(message: Message) -> str:
    return wordings.spoken(message.conversation.identity.contact.language)


def _create(message: Message, *, text: str, wording: Wording | None = None) -> Reply:
    return Reply.objects.create(
        message=message,
        account_id=message.account_id,
        is_automatic=True,
        is_notice=wording is not None,
        wording=wording,
        text=text,
        due=clock.now(),
    )
