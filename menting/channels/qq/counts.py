"""How often a bot may answer and may begin to speak; kept for a session, in little memory.

The platform counts itself and has the last word: these counts keep a bot from running
into its refusals. https://bot.q.qq.com/wiki/develop/api-v2/server-inter/message/overview.html,
2026-07-21.
"""

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from menting.channels import base

K = TypeVar("K")
V = TypeVar("V")

MINUTE, DAY = 60.0, 86_400.0
#: For C2C the page names 60 min in its table and 5 in a field: an answer later than that
#: is tried, and a refusal proves that it was not sent.
WINDOWS = {
    "c2c": timedelta(minutes=60),
    "group": timedelta(minutes=5),
    "channel": timedelta(minutes=5),
    "dm": timedelta(minutes=5),
}
ANSWERS = {"c2c": 4, "group": 5}
#: The far side counts from its own clock, and the request takes its time.
MARGIN = timedelta(seconds=10)
#: So many messages or places are counted at most; the oldest are forgotten.
MOST_KEPT = 512


class Limit(NamedTuple):
    """So many in so many seconds."""

    most: int
    seconds: float


OF_PEER = {
    "c2c": (Limit(20, MINUTE), Limit(1_000, DAY)),
    "group": (Limit(20, MINUTE), Limit(1_000, DAY)),
    "channel": (Limit(5, 1.0), Limit(20, DAY)),
    "dm": (Limit(2, DAY),),
}
OF_BOT = {
    "c2c": (Limit(5, 1.0), Limit(30, MINUTE)),
    "group": (Limit(30, MINUTE),),
    "channel": (),
    "dm": (Limit(200, DAY),),
}
OF_CERTIFIED_BOT = {**OF_BOT, "c2c": (Limit(10, 1.0),), "group": (Limit(60, MINUTE),)}


class Counts:
    """The counts of one bot."""

    __slots__ = ("_answers", "_of_bot", "_spent")

    def __init__(self, *, is_certified: bool) -> None:
        self._of_bot = OF_CERTIFIED_BOT if is_certified else OF_BOT
        #: By message: the msg_seq of each answer.
        self._answers: dict[str, frozenset[int]] = {}
        #: By whom and which limit: when the period began, and how many went in it.
        self._spent: dict[Hashable, tuple[float, int]] = {}

    def may_answer(self, kind: str, to: base.Inbound, seq: int, now: datetime) -> bool:
        """Tell whether a message may still be answered, and count the answer `seq` once."""
        if now >= to.at + WINDOWS[kind] - MARGIN:
            return False
        given = self._answers.get(to.id, frozenset())
        if seq not in given and len(given) >= ANSWERS.get(kind, len(given) + 1):
            return False
        _keep(self._answers, to.id, given | {seq})
        return True

    def unanswered(self, to: base.Inbound, seq: int) -> None:
        """Count an answer no more: it was refused."""
        _keep(self._answers, to.id, self._answers.get(to.id, frozenset()) - {seq})

    def begin(self, kind: str, place: str, now: datetime) -> None:
        """Count a message that answers nothing. Raises Throttled, and counts it not."""
        at = now.timestamp()
        wanted = [("", limit) for limit in self._of_bot[kind]]
        wanted += [(place, limit) for limit in OF_PEER[kind]]
        for whose, limit in wanted:
            began, spent = self._period(kind, whose, limit, at)
            if spent >= limit.most:
                reason = "this conversation has had" if whose else "the bot has sent"
                raise base.Throttled(
                    f"{reason} {limit.most} messages in {limit.seconds:.0f} s",
                    retry_after=began + limit.seconds - at,
                    of_peer=bool(whose),
                )
        for whose, limit in wanted:
            began, spent = self._period(kind, whose, limit, at)
            _keep(self._spent, (kind, whose, limit), (began, spent + 1))

    def _period(self, kind: str, whose: str, limit: Limit, at: float) -> tuple[float, int]:
        began, spent = self._spent.get((kind, whose, limit), (at, 0))
        return (at, 0) if at >= began + limit.seconds else (began, spent)


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
