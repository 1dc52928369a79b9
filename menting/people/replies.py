"""Replies on their way out: claimed, dispatched and settled like all that is sent."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F, QuerySet, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from menting.accounts import pace
from menting.base import clock, ids, lease
from menting.channels.base import Inbound, Peer
from menting.people import answers, departures, outcomes, tidy
from menting.people.models import Conversation, Message, Reply
from menting.people.outbound import Accepted, Later, Outbound, Outcome, Rejected, Skipped
from menting.people.sendable import SendState
from menting.users import audit, guard, house
from menting.users.guard import Actor

log = structlog.get_logger(__name__)

#: The longest text that every channel takes in one message.
MOST_CHARS = 4_000

_FREE: dict[str, Any] = {"lease_by": "", "lease_until": None}
#: At most so many replies of an account a claim: they must fit into their lease.
MOST_AN_ACCOUNT = 50

# States are written out: SQLite uses a partial index only for the same words.
_ANY_READY = "select 1 from people_reply where state = 'ready' limit 1"
_ACCOUNTS_WITH = """
select a.id from accounts_account a
where a.removed_at is null and a.id in ({accounts}) and exists (
  select 1 from people_reply r
  where r.account_id = a.id and r.state = 'ready' and r.due <= %s)"""
_READY = """
select r.* from people_reply r
where r.account_id = %s and r.state = 'ready' and r.due <= %s
order by r.due, r.id limit %s"""
_LEASED = """
select r.* from people_reply r where r.state in ('claimed', 'dispatching')"""
_ANY_UNKNOWN = """
select 1 from people_reply where state = 'unknown' and dispatched_at > %s limit 1"""
_UNKNOWN = """
select r.* from people_reply r
join people_message m on m.id = r.message_id
join people_conversation v on v.id = m.conversation_id and not v.is_closed
where r.account_id in ({accounts}) and r.state = 'unknown' and r.dispatched_at > %s
order by r.id limit %s"""


class CannotReplyError(Exception):
    """The message cannot be answered; the text says why and what to do."""


@transaction.atomic
def by_hand(actor: Actor, message_id: int, text: str) -> Reply:
    """Answer one message in an operator's own words; it goes out like everything else.

    Raises CannotReplyError for a message that is not there, was sent by the house, whose
    writer left or was erased, and for a text that is empty or longer than MOST_CHARS.
    """
    guard.check(actor, "people.reply")
    message = _answerable_by_hand(message_id)
    written = tidy.text(text, limit=len(text)).strip()
    if not 0 < len(written) <= MOST_CHARS:
        raise CannotReplyError(
            gettext("A reply has 1 to %(most)d characters; this one has %(given)d.")
            % {"most": MOST_CHARS, "given": len(written)}
        )
    reply = Reply.objects.create(
        message=message,
        account_id=message.account_id,
        is_automatic=False,
        text=written,
        due=clock.now(),
    )
    Conversation.objects.filter(pk=message.conversation_id).update(unread=0)
    audit.record(
        actor, "people.reply", target=f"message:{message_id}", detail={"reply": reply.pk}
    )
    return reply


def claim(me: str, accounts: Sequence[int], *, now: datetime, limit: int) -> list[Outbound]:
    """Lease what `accounts` may answer now, their pace debited."""
    if not _waiting(accounts, now):
        return []
    with transaction.atomic():
        held_since = house.get().held_since
        if held_since is not None:
            _skip_restored(held_since)
            return []
        got: list[Outbound] = []
        waiting = _waiting(accounts, now)
        free = pace.allow(waiting, now=now, most=MOST_AN_ACCOUNT)
        ready = _READY + _skip_locked()
        for account_id, may in free.turns(waiting):
            most = min(may, limit - len(got))
            rows = list(Reply.objects.raw(ready, [account_id, now, most]))
            got += _lease(rows, SendState.CLAIMED, me=me, now=now)
            free.spend(account_id, len(rows))
        pace.debit(Counter(item.account_id for item in got), now=now)
        return got


@transaction.atomic
def dispatch(item: Outbound, text: str, *, me: str) -> bool:
    """Commit that `text`, frozen at creation, is about to leave; False: it must not."""
    now = clock.now()
    # Platforms tell whole milliseconds: an answer in the same one is not before the notice.
    leaves_at = clock.from_millis(clock.millis(now))
    return bool(
        _mine(item, me, SendState.CLAIMED)
        .filter(text=text)
        .update(
            state=SendState.DISPATCHING,
            attempts=F("attempts") + 1,
            lease_until=lease.until(now),
            dispatched_at=Coalesce("dispatched_at", leaves_at),
        )
    )


@transaction.atomic
def settle(item: Outbound, outcome: Outcome, *, me: str) -> bool:
    """Write what became of a dispatched reply; False when it is no longer this sender's."""
    row = _mine(item, me, SendState.DISPATCHING, SendState.CLAIMED).first()
    if row is None or (row.state == SendState.CLAIMED and not isinstance(outcome, Skipped)):
        log.warning("an outcome came too late", kind=item.kind, id=item.id)
        return False
    if isinstance(outcome, Later) and not _is_still_wanted(row):
        outcome = Skipped("withdrew or left")
    outcomes.write(row, outcome, now=clock.now())
    if isinstance(outcome, Rejected) and outcome.withdraws:
        departures.refuse(row.message.conversation, key=item.key, at=clock.now())
    if isinstance(outcome, Accepted) and row.is_notice:
        answers.notice_arrived(row)
    return True


@transaction.atomic
def give_back(items: Iterable[Outbound], *, me: str) -> None:
    """Let claimed replies be claimed anew; nothing of them has left."""
    for item in items:
        _mine(item, me, SendState.CLAIMED).update(state=SendState.READY, **_FREE)


def recover(now: datetime) -> int:
    """Take replies from senders that are gone: claimed to ready, dispatching to unknown.

    Returns how many became unknown. It is asked often, and writes only where it must.
    """
    lost = [row for row in Reply.objects.raw(_LEASED) if _is_lost(row, now)]
    if not lost:
        return 0
    with transaction.atomic():
        return sum(_recover(row, now) for row in lost)


def ask_again(
    me: str, accounts: Sequence[int], *, since: datetime, now: datetime, limit: int
) -> list[Outbound]:
    """Take unknown replies whose platform knows the key, to ask again with the same text.

    The platform of these `accounts` knows those first asked after `since`. A notice is not
    asked for where the person has refused meanwhile: it may never have arrived.
    """
    if not _unknown(accounts, since, limit):
        return []
    with transaction.atomic():
        if house.get().held_since is not None:
            return []
        found = _unknown(accounts, since, limit, lock=_skip_locked())
        rows = [row for row in found if _is_still_wanted(row)]
        pace.debit(Counter(row.account_id for row in rows), now=now)
        return _lease(rows, SendState.DISPATCHING, me=me, now=now)


def _answerable_by_hand(message_id: int) -> Message:
    message = (
        Message.objects.select_related("conversation__identity__contact")
        .filter(pk=message_id, direction=Message.Direction.IN)
        .first()
    )
    if message is None:
        raise CannotReplyError(
            gettext("There is no received message %(id)d.") % {"id": message_id}
        )
    if message.conversation.identity.contact.erased_at is not None:
        raise CannotReplyError(
            gettext("The person was erased: nothing can be sent to them.")
        )
    if message.conversation.is_closed:
        raise CannotReplyError(
            gettext("The person left: nothing can be sent until they write again.")
        )
    return message


def _waiting(accounts: Sequence[int], now: datetime) -> list[int]:
    marks = ", ".join(["%s"] * len(accounts))
    with connection.cursor() as cursor:
        # Asked first: a seek each for thousands of accounts, four times a second, is 5 %
        # of a core where nothing waits.
        cursor.execute(_ANY_READY)
        if not accounts or cursor.fetchone() is None:
            return []
        here = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(_ACCOUNTS_WITH.format(accounts=marks), [*accounts, here])
        return sorted(pk for (pk,) in cursor.fetchall())


def _skip_restored(held_since: datetime) -> None:
    """Drop what the restored state still wants to send: it may have gone out since."""
    Reply.objects.filter(state__in=outcomes.WAITING, due__lte=held_since).update(
        state=SendState.SKIPPED,
        reason="restored from a backup: it may have been sent",
        settled_at=clock.now(),
    )


def _is_lost(row: Reply, now: datetime) -> bool:
    has_ended = row.lease_until is not None and row.lease_until <= now
    return has_ended or lease.is_gone(row.lease_by)


def _recover(row: Reply, now: datetime) -> int:
    # The state and fence as they were read: its sender may have gone on meanwhile.
    mine = Reply.objects.filter(pk=row.pk, fence=row.fence, state=row.state)
    if row.state == SendState.CLAIMED:
        mine.update(state=SendState.READY, **_FREE)
        return 0
    return mine.update(
        state=SendState.UNKNOWN,
        reason="the program stopped while it was being sent",
        settled_at=now,
        **_FREE,
    )


def _skip_locked() -> str:
    can = connection.features.has_select_for_update_skip_locked
    return " for no key update of r skip locked" if can else ""


def _unknown(
    accounts: Sequence[int], since: datetime, limit: int, *, lock: str = ""
) -> list[Reply]:
    with connection.cursor() as cursor:
        here = connection.ops.adapt_datetimefield_value(since)
        cursor.execute(_ANY_UNKNOWN, [here])
        if not accounts or cursor.fetchone() is None:
            return []
    marks = ", ".join(["%s"] * len(accounts))
    given = [*accounts, since, limit]
    return list(Reply.objects.raw(_UNKNOWN.format(accounts=marks) + lock, given))


def _is_still_wanted(row: Reply) -> bool:
    place = row.message.conversation
    return not place.is_closed and (not row.is_notice or answers.may_ask(place))


def _lease(
    rows: list[Reply], state: SendState, *, me: str, now: datetime
) -> list[Outbound]:
    prefetch_related_objects(rows, "message__conversation")
    for row in rows:
        row.state, row.fence, row.lease_by = state, row.fence + 1, me
        row.lease_until = lease.until(now)
        if state == SendState.DISPATCHING:
            row.attempts += 1
        row.save(update_fields=["state", "fence", "lease_by", "lease_until", "attempts"])
    return [_outbound(row) for row in rows]


def _outbound(row: Reply) -> Outbound:
    return Outbound(
        kind="reply",
        id=row.pk,
        fence=row.fence,
        account_id=row.account_id,
        peer=Peer(id=row.message.conversation.external_id),
        key=ids.stable_key("reply", row.pk),
        text=row.text,
        answers=Inbound(row.message.event_id, row.message.at),
    )


def _mine(item: Outbound, me: str, *states: SendState) -> QuerySet[Reply]:
    return Reply.objects.filter(pk=item.id, fence=item.fence, lease_by=me, state__in=states)
