"""Write what became of a reply into its row."""

from datetime import datetime, timedelta

from menting.people.models import Reply
from menting.people.outbound import Accepted, Later, Outcome, Rejected, Skipped, Unknown
from menting.people.sendable import SendState

#: Tries that were proven not to have left; after the last one the reply is rejected.
MOST_ATTEMPTS = 20
LONGEST_WAIT = timedelta(minutes=5)

_OUTCOME = (
    *("state", "reason", "due", "provider_id", "dispatched_at"),
    *("settled_at", "lease_by", "lease_until"),
)


def write(row: Reply, outcome: Outcome, *, now: datetime) -> None:
    """Give the lease back and store the outcome; after `Later` it is ready again."""
    row.lease_by, row.lease_until, row.settled_at = "", None, now
    match outcome:
        case Accepted(message_id):
            row.state, row.reason, row.provider_id = SendState.ACCEPTED, "", message_id
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


def _postpone(row: Reply, reason: str, retry_at: datetime, now: datetime) -> None:
    row.state, row.reason = SendState.REJECTED, f"gave up: {reason}"[:300]
    if row.attempts < MOST_ATTEMPTS:
        wait = min(timedelta(seconds=2**row.attempts), LONGEST_WAIT)
        row.state, row.reason = SendState.READY, reason[:300]
        row.due, row.settled_at = max(retry_at, now + wait), None
        # Proven not sent: a "yes" since then answers something else.
        row.dispatched_at = None
