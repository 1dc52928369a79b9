"""What becomes of a guestbook entry: pure rules, each with its reason."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from menting.spaces.models import GuestbookEntry

State = GuestbookEntry.State

#: Nobody reads the form, thinks and writes in less; a form kept for longer is a script's.
FASTEST = timedelta(seconds=3)
LONGEST = timedelta(hours=24)
MOST_LINKS = 2

_LINK = re.compile(r"https?://|www\.|\[url|href", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a form brought: its text, its traps and whether an invitation came with it."""

    text: str
    #: A field that people do not see; whoever fills it is a script.
    honeypot: str
    #: When the form was given out; None: its stamp is missing or forged.
    opened_at: datetime | None
    sent_at: datetime
    is_invited: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state an entry starts in, and why; the writer is told neither."""

    state: GuestbookEntry.State
    reason: str


def judge(attempt: Attempt) -> Verdict:
    """Return what becomes of an entry; the first rule that applies decides."""
    trap = _trap(attempt)
    if trap:
        return Verdict(State.REFUSED, trap)
    if attempt.is_invited:
        return Verdict(State.APPROVED, "invited")
    if len(_LINK.findall(attempt.text)) > MOST_LINKS:
        return Verdict(State.REFUSED, "links")
    return Verdict(State.PENDING, "waits for the owner")


def _trap(attempt: Attempt) -> str:
    if attempt.honeypot:
        return "honeypot"
    if attempt.opened_at is None:
        return "no stamp"
    took = attempt.sent_at - attempt.opened_at
    if took < FASTEST:
        return "too fast"
    return "stale form" if took > LONGEST else ""
