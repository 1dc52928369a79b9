"""Keep to Telegram's limits of one chat before it has to name them."""

from datetime import datetime, timedelta

from menting.base import clock, pace
from menting.base.pace import Rate
from menting.channels import base

#: "Avoid sending more than one message per second. We may allow short bursts"; "not be
#: able to send more than 20 messages per minute" to a group (Telegram's bot FAQ).
PERSON = Rate.per(1, timedelta(seconds=1), burst=3)
GROUP = Rate.per(20, timedelta(minutes=1))
#: At 30 messages a second in all, no more than some 90 chats are within a limit at once.
MOST_CHATS = 512


class Chats:
    """When each chat may be written to next; only those written to just now are kept."""

    def __init__(self) -> None:
        self._tats: dict[str, int] = {}

    def spend(self, chat: str) -> None:
        """Count one message. Raises Throttled (`of_peer`) when the chat had enough."""
        now = clock.now()
        rate = GROUP if is_group(chat) else PERSON
        tat = self._tats.get(chat, 0)
        if not pace.headroom(rate, tat, now, wanted=1):
            wait = (tat - (rate.burst - 1) * rate.interval - clock.micros(now)) / 1_000_000
            raise base.Throttled("one chat at a time", retry_after=wait, of_peer=True)
        self._tats[chat] = pace.debit(rate, tat, now, spent=1)
        if len(self._tats) > MOST_CHATS:
            self._forget(now)

    def __len__(self) -> int:
        """Return how many chats are kept."""
        return len(self._tats)

    def _forget(self, now: datetime) -> None:
        here = clock.micros(now)
        self._tats = {chat: tat for chat, tat in self._tats.items() if tat > here}


def is_group(chat: str) -> bool:
    """Say whether it is a group or a channel: their ids are negative, or names."""
    return chat.startswith(("-", "@"))
