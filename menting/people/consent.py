"""Who may be written to: what people say and platforms tell goes into the ledger."""

import enum
from datetime import datetime, timedelta

from django.db import transaction

from menting.base import clock
from menting.people import ledger, standing, suppression, wordings, words
from menting.people.ledger import Verdict
from menting.people.models import (
    ANY_PURPOSE,
    Consent,
    Conversation,
    Message,
    Reply,
    Wording,
)
from menting.people.sendable import SendState
from menting.people.standing import Standing
from menting.people.wordings import NEWS
from menting.people.words import Meaning

#: A "yes" later than this after the notice answers something else.
ANSWER_WITHIN = timedelta(hours=24)
#: An older "subscribe" (a first sign-in brings history) was said before other words.
GRANT_WITHIN = timedelta(days=7)

# Any later entry of the same purpose, or of all, takes the place of an earlier grant.
_IS_LATEST = """not exists (
    select 1 from people_consent later
    where later.contact_id = c.contact_id and later.account_id = c.account_id
      and later.id > c.id and later.purpose in (c.purpose, '*'))"""

#: SQL over the aliases c (people_consent), v (people_conversation of its message) and
#: i (people_identity of the entry): why nothing may be sent on it, null where it may.
WHY_NOT = f"""case
  when c.act <> 'granted' or not ({_IS_LATEST}) then 'withdrew'
  when exists (select 1 from people_suppression s where s.endpoint = i.endpoint)
    then 'suppressed'
  when v.is_closed then 'left'
  when v.audience > 1 then 'not a dialogue'
  when v.is_encrypted then 'encrypted'
end"""  # noqa: S608  # constants alone

#: SQL over the alias c (people_consent) alone: true for the one entry in force. With
#: c.account_id, c.purpose and c.act = 'granted' a query runs on the index consent_for.
IN_FORCE = f"""(c.act = 'granted' and {_IS_LATEST} and exists (
    select 1 from people_message m
    join people_conversation v on v.id = m.conversation_id
    join people_identity i on i.id = c.identity_id
    where m.id = c.message_id and not v.is_closed and not v.is_encrypted
      and v.audience <= 1 and not exists (
        select 1 from people_suppression s where s.endpoint = i.endpoint)))"""  # noqa: S608  # constants alone


class Heard(enum.Enum):
    """What a message changed."""

    NOTHING = enum.auto()  # it is not about consent
    GRANTED = enum.auto()  # the person agreed, and had not before
    WITHDRAWN = enum.auto()  # the person opted out, and had not before
    UNCHANGED = enum.auto()  # about consent, but it stands as it stood


def hear(message: Message) -> Heard:
    """Enter what a message says about consent, with the message as evidence."""
    meaning = words.meaning(message.text)
    if meaning is Meaning.STOP or (meaning is Meaning.ANSWER_NO and _is_answer(message)):
        return Heard.WITHDRAWN if withdraw(message) else Heard.UNCHANGED
    if meaning is Meaning.SUBSCRIBE:
        return _granted(grant(message))
    if meaning is Meaning.ANSWER_YES and _is_answer(message):
        return _granted(grant(message, wording=_noticed(message.conversation)))
    return Heard.NOTHING


def hear_answer(message: Message) -> Heard:
    """Hear only what answers a notice, for a message that came before its outcome did."""
    if words.meaning(message.text) in (Meaning.ANSWER_YES, Meaning.ANSWER_NO):
        return hear(message)
    return Heard.NOTHING


@transaction.atomic
def grant(
    message: Message, *, purpose: str = NEWS, wording: Wording | None = None
) -> Consent | None:
    """Enter that the writer agrees, for this account and purpose; None if it cannot count.

    Only in a dialogue, only while fresh, and only if nothing later was said against it.
    Without a `wording` it is the notice of today in the person's language.
    """
    conversation = message.conversation
    if not _may_grant(message, purpose):
        return None
    suppression.lift(conversation.identity, subscribed_at=message.at)
    entry = _entry(conversation, act=Consent.Act.GRANTED, purpose=purpose, at=message.at)
    entry.message = message
    entry.wording = wording or wordings.current(
        purpose, wordings.spoken(conversation.identity.contact.language)
    )
    return ledger.append(entry)


@transaction.atomic
def withdraw(message: Message) -> bool:
    """Enter that the writer wants nothing more, from any account; True if that is new.

    It ends every grant the person gave the house: whoever says stop to one account must not
    hear from the next. In force with this transaction, so before the next claim.
    """
    conversation = message.conversation
    known = standing.of(conversation.identity.contact_id)
    accounts = {account for account, _ in known.granted} | {conversation.account_id}
    for account_id in sorted(accounts):
        entry = _entry(
            conversation, act=Consent.Act.WITHDRAWN, purpose=ANY_PURPOSE, at=message.at
        )
        entry.account_id, entry.message = account_id, message
        ledger.append(entry)
    unask(conversation.identity.contact_id)
    before = known.last_at(conversation.account_id)
    return bool(known.granted) or before is None or before.act != Consent.Act.WITHDRAWN


@transaction.atomic
def signal(conversation: Conversation, *, at: datetime) -> bool:
    """Enter that the platform told of a leave or a block; True if that ends something.

    A person who agreed again after `at` is not affected: platforms tell late and twice.
    """
    contact_id = conversation.identity.contact_id
    if _is_outdated(standing.of(contact_id), conversation.account_id, at=at):
        return False
    ledger.append(_entry(conversation, act=Consent.Act.SIGNAL, purpose=ANY_PURPOSE, at=at))
    unask(contact_id)
    return True


@transaction.atomic
def end(contact_id: int, *, at: datetime) -> int:
    """End every grant of a person who is being erased; return how many accounts it was."""
    granted = standing.of(contact_id).granted
    latest = {account: entry for (account, _), entry in granted.items()}
    for account_id, entry in sorted(latest.items()):
        ledger.append(
            Consent(
                contact_id=contact_id,
                identity_id=entry.identity_id,
                account_id=account_id,
                channel=entry.channel,
                act=Consent.Act.WITHDRAWN,
                purpose=ANY_PURPOSE,
                at=at,
            )
        )
    unask(contact_id)
    return len(latest)


def unask(contact_id: int) -> None:
    """Take every notice back: none is sent any more, and none can be answered."""
    Conversation.objects.filter(identity__contact=contact_id).update(noticed_at=None)
    Reply.objects.filter(
        message__conversation__identity__contact=contact_id,
        is_notice=True,
        state__in=[SendState.READY, SendState.CLAIMED],
    ).update(state=SendState.SKIPPED, reason="withdrew", settled_at=clock.now())


def in_force(contact_id: int, account_id: int, purpose: str) -> Consent | None:
    """Return the entry on which this account may write to the person for this purpose."""
    found = Consent.objects.raw(
        "select c.* from people_consent c where c.contact_id = %s and c.account_id = %s "  # noqa: S608  # constants alone
        f"and c.purpose = %s and {IN_FORCE} order by c.id desc limit 1",
        [contact_id, account_id, purpose],
    )
    return next(iter(found), None)


def verify_ledger() -> Verdict:
    """Walk the whole chain and say where it breaks first, if it does."""
    return ledger.verify()


def _is_answer(message: Message) -> bool:
    # Read anew: an earlier message of the same batch may have taken the question back.
    noticed_at = Conversation.objects.values_list("noticed_at", flat=True).get(
        pk=message.conversation_id
    )
    return noticed_at is not None and noticed_at <= message.at <= noticed_at + ANSWER_WITHIN


def _noticed(conversation: Conversation) -> Wording | None:
    notices = Reply.objects.filter(
        message__conversation=conversation, is_notice=True, state=SendState.ACCEPTED
    )
    last = notices.select_related("wording").order_by("-dispatched_at").first()
    return last.wording if last else None


def _granted(entry: Consent | None) -> Heard:
    return Heard.UNCHANGED if entry is None else Heard.GRANTED


def _is_outdated(known: Standing, account_id: int, *, at: datetime) -> bool:
    """Say whether a leave at `at` is older than what is known of the account since."""
    last, ended_at = known.last_at(account_id), known.ended_at(account_id)
    if last is not None and last.act == Consent.Act.GRANTED:
        return last.at > at
    return ended_at is not None and at <= ended_at


def _may_grant(message: Message, purpose: str) -> bool:
    conversation = message.conversation
    if conversation.audience > 1 or message.at < clock.now() - GRANT_WITHIN:
        return False
    known = standing.of(conversation.identity.contact_id)
    if (conversation.account_id, purpose) in known.granted:
        return False
    ended_at = known.ended_at(conversation.account_id)
    erased_at = suppression.since(bytes(conversation.identity.endpoint))
    return (ended_at is None or ended_at <= message.at) and (
        erased_at is None or erased_at < message.at
    )


def _entry(
    conversation: Conversation, *, act: Consent.Act, purpose: str, at: datetime
) -> Consent:
    return Consent(
        contact_id=conversation.identity.contact_id,
        identity_id=conversation.identity_id,
        account_id=conversation.account_id,
        channel=conversation.identity.channel,
        act=act,
        purpose=purpose,
        at=at,
    )
