"""Take in what platforms tell: a batch of events and the resume token, or nothing of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from menting.accounts.models import Account
from menting.base import clock
from menting.base.meters import EVENTS
from menting.channels.base import Event, EventType
from menting.people import answers, consent, contacts, departures, ledger, registry, tidy
from menting.people.models import Conversation, Identity, Message

#: What became of a message that the platform had taken.
_OUTCOMES = (EventType.ARRIVED, EventType.BOUNCED)
_WRITTEN = (EventType.MESSAGE, EventType.UNREADABLE)
#: What makes a contact: the person came by an act of their own.
_COMES = (*_WRITTEN, EventType.JOINED)


@dataclass(slots=True)
class _Batch:
    """What one batch has looked up already: a busy person costs one look-up, not ten."""

    account: Account
    now: datetime
    #: Ids of messages that are stored: from earlier batches, and of this one as it goes.
    known: set[str]
    identities: dict[tuple[str, str], Identity] = field(default_factory=dict)
    conversations: dict[tuple[str, int], Conversation] = field(default_factory=dict)
    #: Conversations in which nothing readable was said yet.
    silent: set[int] = field(default_factory=set)


@transaction.atomic
def receive(
    *, account_id: int, events: Iterable[Event], resume: bytes | None = None
) -> None:
    """Store a batch with the token that follows it, in one transaction.

    A webhook brings no token: then the account's stays as it is. The platform may be told
    only after this returns. The same batch again changes nothing: a message is unique by
    account and event id, a leave counts once by its id and time.
    """
    told = list(events)
    if told:
        ledger.hold()
        account = Account.objects.only("id", "channel").get(pk=account_id)
        batch = _Batch(account=account, now=clock.now(), known=_known(account_id, told))
        for event in told:
            if event.type in _OUTCOMES:
                registry.tell_outcome(account_id, event)
            else:
                _take(batch, event)
        transaction.on_commit(lambda: _count(account.channel, told))
    if resume is not None:
        Account.objects.filter(pk=account_id).update(resume=resume)


def _count(channel: str, told: list[Event]) -> None:
    for event in told:
        EVENTS.labels(channel, event.type.value).inc()


def _known(account_id: int, events: list[Event]) -> set[str]:
    ids = [tidy.identifier(event.id) for event in events if event.type in _WRITTEN]
    found: set[str] = set()
    for start in range(0, len(ids), 500):  # well under SQLite's limit of parameters
        rows = Message.objects.filter(
            account=account_id, event_id__in=ids[start : start + 500]
        )
        found.update(rows.values_list("event_id", flat=True))
    return found


def _take(batch: _Batch, event: Event) -> None:
    at = min(event.at, batch.now)  # a platform's clock may be ahead of ours
    event_id = tidy.identifier(event.id)
    if event_id in batch.known:
        return
    if event.type in _WRITTEN:
        batch.known.add(event_id)
    text = tidy.text(event.text) if event.type is EventType.MESSAGE else ""
    identity = _person(batch, event, at=at, text=text)
    if identity is None:
        return
    contacts.learn_name(
        identity, event.sender, source=f"{batch.account.channel}:profile", at=at
    )
    if event.source:
        contacts.learn_source(identity, event.source, at=at)
    if event.type is EventType.PROFILE:
        return
    conversation = _conversation(batch, event, identity, at=at)
    _note_audience(batch, conversation, event.audience)
    if event.type is EventType.LEFT:
        departures.leave(conversation, event_id=event_id, at=at)
    elif event.type in _WRITTEN:
        _write(batch, event, conversation, at=at, text=text)


def _person(batch: _Batch, event: Event, *, at: datetime, text: str) -> Identity | None:
    """Return who did it, or None for somebody who did not come.

    A leave or a new name of a stranger makes no contact, nor does what is told late of a
    person who was erased since.
    """
    channel = batch.account.channel
    key = (event.sender.scope, event.sender.id)
    if key not in batch.identities:
        found = contacts.find(channel, event.sender)
        if (
            found is None
            and event.type in _COMES
            and not contacts.is_erased(channel, event.sender, at=at)
        ):
            found = contacts.meet(channel, event.sender, at=at, text=text)
        if found is None:
            return None
        batch.identities[key] = found
    return batch.identities[key]


def _conversation(
    batch: _Batch, event: Event, identity: Identity, *, at: datetime
) -> Conversation:
    external_id = tidy.identifier(event.peer.id)
    known = batch.conversations.get((external_id, identity.pk))
    if known is not None:
        return known
    found, made = Conversation.objects.get_or_create(
        account=batch.account,
        external_id=external_id,
        identity=identity,
        defaults={"last_at": at},
    )
    found.identity, found.account = identity, batch.account
    if made or not found.messages.filter(is_unreadable=False).exists():
        batch.silent.add(found.pk)
    batch.conversations[external_id, identity.pk] = found
    return found


def _write(
    batch: _Batch, event: Event, conversation: Conversation, *, at: datetime, text: str
) -> None:
    message = Message.objects.create(
        account=batch.account,
        conversation=conversation,
        direction=Message.Direction.IN,
        event_id=tidy.identifier(event.id),
        text=text,
        is_unreadable=event.type is EventType.UNREADABLE,
        at=at,
    )
    contacts.seen(conversation.identity.contact, at=at, text=text)
    was_encrypted = conversation.is_encrypted
    _note_written(conversation, message)
    if not message.is_unreadable:
        is_first = conversation.pk in batch.silent
        batch.silent.discard(conversation.pk)
        answers.answer(message, heard=consent.hear(message), is_first=is_first)
    elif not was_encrypted:
        answers.say_unreadable(message)


def _note_audience(batch: _Batch, conversation: Conversation, audience: int) -> None:
    """Note how many are there, for every person of the place: a third ends a dialogue."""
    if conversation.audience == audience:
        return
    Conversation.objects.filter(
        account=conversation.account_id, external_id=conversation.external_id
    ).update(audience=audience)
    for known in batch.conversations.values():
        if known.external_id == conversation.external_id:
            known.audience = audience


def _note_written(conversation: Conversation, message: Message) -> None:
    conversation.unread += 1
    # Whoever writes is there; a message told late says nothing of now.
    if message.at >= conversation.last_at:
        conversation.is_encrypted = message.is_unreadable
        conversation.is_closed = False
        conversation.last_at = message.at
    conversation.save(update_fields=["is_encrypted", "unread", "is_closed", "last_at"])
