"""What the sender asks of the database in a turn: to tidy, and for what may go now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from menting.campaigns import advance, outbox, postings, recovery, render, resolve
from menting.campaigns.models import Delivery, Posting
from menting.channels.base import Keys
from menting.people import replies
from menting.people.outbound import Outbound, Skipped

#: Rows leased in a turn, over all accounts: they must have left before their lease ends.
MOST_A_TURN = 500
#: Rows of one account: at 50 messages a second over all, each lane takes its turn soon.
LANE = 10


@dataclass(frozen=True, slots=True)
class Load:
    """One message that may go now; `is_dispatched`: only asked again, by its key."""

    item: Outbound
    text: str | Skipped
    is_dispatched: bool = False


def recover(now: datetime) -> None:
    """Take back what senders that are gone have held."""
    recovery.recover(now)
    replies.recover(now)


def tidy(now: datetime) -> None:
    """Release planned rows, sign guestbooks, and end what is done."""
    advance.make_ready()
    postings.sign_guestbooks(now=now)
    advance.finish(now=now)


def take(me: str, accounts: Sequence[int], *, now: datetime) -> dict[int, list[Load]]:
    """Claim what `accounts` may send now and render it; answers before campaigns."""
    claimed = replies.claim(me, accounts, now=now, limit=MOST_A_TURN)
    claimed += outbox.claim(
        me, accounts, now=now, limit=MOST_A_TURN - len(claimed), lane=LANE
    )
    # Outside the transactions: rendering takes 20 to 70 us a text.
    texts = render.texts(claimed)
    return _by_account([Load(item, texts[item]) for item in claimed])


def take_unknown(
    me: str, keys: Mapping[int, Keys], *, now: datetime
) -> dict[int, list[Load]]:
    """Take what the platforms of these accounts can be asked for again by its key."""
    again: list[Outbound] = []
    for span, accounts in _by_span(keys, lambda of: of.answers):
        again += replies.ask_again(
            me, accounts, since=now - span, now=now, limit=MOST_A_TURN
        )
    for span, accounts in _by_span(keys, lambda of: of.messages):
        again += resolve.ask_again(
            Delivery, me, accounts, since=now - span, now=now, limit=MOST_A_TURN
        )
    for span, accounts in _by_span(keys, lambda of: of.posts):
        again += resolve.ask_again(
            Posting, me, accounts, since=now - span, now=now, limit=MOST_A_TURN
        )
    return _by_account([Load(item, item.text or "", is_dispatched=True) for item in again])


def _by_span(
    keys: Mapping[int, Keys], length: Callable[[Keys], timedelta]
) -> list[tuple[timedelta, list[int]]]:
    spans: dict[timedelta, list[int]] = {}
    for account_id, of in keys.items():
        if span := length(of):
            spans.setdefault(span, []).append(account_id)
    return list(spans.items())


def _by_account(loads: Sequence[Load]) -> dict[int, list[Load]]:
    lanes: dict[int, list[Load]] = {}
    for load in loads:
        lanes.setdefault(load.item.account_id, []).append(load)
    return lanes
