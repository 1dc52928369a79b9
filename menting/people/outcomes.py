"""Write what became of a reply into its row."""

from datetime import datetime, timedelta

from menting.base import clock
from menting.channels.base import Event, EventType
from menting.people import tidy
from menting.people.models import Conversation, Reply
from menting.people.outbound import Accepted, Later, Outcome, Rejected, Skipped, Unknown
from menting.people.sendable import SendState

#: Tries that were proven not to have left; after the last one the reply is rejected.
MOST_ATTEMPTS = 20
LONGEST_WAIT = timedelta(minutes=5)

#: Nothing of it has left yet.
WAITING = (SendState.READY, SendState.CLAIMED)
_OUTCOME = (
    *("state", "reason", "due", "provider_id", "dispatched_at"),
    *("settled_at", "lease_by", "lease_until"),
)


def write(row: Reply, outcome: Outcome, *, now: datetime) -> None:
    """Give the lease back and store the outcome; after `Later` it is ready again."""
    row.lease_by, row.lease_until, row.settled_at = "", None, now
    match outcome:
        case Accepted(message_id, pending):
            row.state, row.reason = SendState.ACCEPTED, pending[:300]
            row.provider_id = message_id
        case Rejected(reason):
            row.state, row.reason = SendState.REJECTED, reason[:300]
        case Unknown(reason):
            row.state, row.reason = SendState.UNKNOWN, reason[:300]
        case Skipped(reason):
            row.state, row.reason = SendState.SKIPPED, reason[:300]
        case Later(reason, retry_at):
            _postpone(row, reason, retry_at, now)
    if not row.text:  # erased meanwhile: a reason or an id may hold an address
        row.reason = row.provider_id = ""
    row.save(update_fields=_OUTCOME)


def skip(conversation: Conversation, *, reason: str) -> int:
    """Let nothing go out any more that waits in a conversation; return how many."""
    return Reply.objects.filter(
        message__conversation=conversation, state__in=WAITING
    ).update(state=SendState.SKIPPED, reason=reason, settled_at=clock.now())


def heard(account_id: int, event: Event) -> None:
    """Write what the platform says later of a reply that it had taken."""
    rows = Reply.objects.filter(
        account=account_id,
        provider_id=event.about,
        state=SendState.ACCEPTED,
    ).exclude(provider_id="")
    if event.type is EventType.ARRIVED:
        rows.update(reason="")
    else:
        rows.update(state=SendState.REJECTED, reason=tidy.name(event.text))


def _postpone(row: Reply, reason: str, retry_at: datetime, now: datetime) -> None:
    row.state, row.reason = SendState.REJECTED, f"gave up: {reason}"[:300]
    if row.attempts < MOST_ATTEMPTS:
        wait = min(timedelta(seconds=2**row.attempts), LONGEST_WAIT)
        row.state, row.reason = SendState.READY, reason[:300]
        row.due, row.settled_at = max(retry_at, now + wait), None
        # Proven not sent: a "yes" since then answers something else.
        row.dispatched_at = None
