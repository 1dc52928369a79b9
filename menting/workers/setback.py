"""How long an account waits after its session was lost: back-off, outages, and rests."""

import random
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from menting.accounts.state import Past

#: Full jitter between these, doubled with each failure in a row.
LEAST_WAIT, MOST_WAIT = 1.0, 60.0
#: A session that lived this long in seconds was a success: the next failure is the first,
#: and its end is no flap.
STEADY_SECONDS = 60.0
#: An account that flaps so often within the time rests, each time twice as long.
FLAPS, FLAP_TIME = 5, timedelta(minutes=10)
REST, MOST_REST = timedelta(minutes=15), timedelta(hours=6)
#: Of a host that went away with thousands of sessions, so many come back in a second.
BACK_A_SECOND = 50
#: Ends at one host within this time are one outage.
CROWD_SECONDS = 10.0
#: Two others, and a tenth of the host's accounts, flap as well: it is the host that does.
FEW, SHARE = 2, 0.1

_dice = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Lived:
    """How a session ended: when, and how many seconds after it came online, if ever."""

    at: datetime
    seconds: float | None

    @property
    def is_flap(self) -> bool:
        """Say whether it came online and was lost soon after."""
        return self.seconds is not None and self.seconds < STEADY_SECONDS


@dataclass(frozen=True, slots=True)
class Setback:
    """What follows: a wait in seconds, and what is remembered."""

    wait: float
    past: Past
    rests: bool = False


class Host:
    """What happened lately to the accounts that sign in at one host."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._ends: deque[float] = deque()
        self._flapped: dict[int, datetime] = {}

    def see(self, account_id: int) -> None:
        """Count the account among those of this host."""
        self._seen.add(account_id)

    def judge(self, account_id: int, lived: Lived, past: Past) -> Setback:
        """Say how long the account waits, and what is remembered of how it ended."""
        crowd = self._crowd(lived.at)
        past = _counted(past, lived)
        if lived.is_flap:
            self._flapped[account_id] = lived.at
        if (
            lived.is_flap
            and past.flaps >= FLAPS
            and not self._is_away(account_id, lived.at)
        ):
            wait = min(REST * 2**past.rests, MOST_REST).total_seconds()
            rested = replace(past, flaps=0, flapping_since=None, rests=past.rests + 1)
            return Setback(wait, rested, rests=True)
        return Setback(wait_seconds(past.failures, crowd=crowd), past)

    def _crowd(self, at: datetime) -> int:
        """Return how many sessions ended here within the last seconds."""
        now = at.timestamp()
        self._ends.append(now)
        while self._ends[0] < now - CROWD_SECONDS:
            self._ends.popleft()
        return len(self._ends)

    def _is_away(self, account_id: int, at: datetime) -> bool:
        """Say whether so many flap that it is no fault of this account."""
        since = at - FLAP_TIME
        self._flapped = {pk: when for pk, when in self._flapped.items() if when >= since}
        others = len(self._flapped) - (account_id in self._flapped)
        return others >= max(FEW, SHARE * len(self._seen))


@dataclass(slots=True)
class Setbacks:
    """The hosts of one keeper."""

    _hosts: dict[tuple[str, str], Host] = field(default_factory=dict)

    def of(self, channel: str, host: str) -> Host:
        """Return what is known of a host."""
        return self._hosts.setdefault((channel, host), Host())


def wait_seconds(failures: int, *, crowd: int = 1) -> float:
    """Return how long to wait after so many failures in a row: full jitter, 1 to 60 s.

    Jitter spreads the accounts of a host that came back; where `crowd` sessions were lost
    at once, so that about BACK_A_SECOND of them come back in a second.
    """
    most = max(2.0 ** min(failures, 6), crowd / BACK_A_SECOND)
    return _dice.uniform(LEAST_WAIT, min(MOST_WAIT, most))


def _counted(past: Past, lived: Lived) -> Past:
    """Count one more end."""
    if lived.seconds is None:  # a sign-in that failed is no flap
        return replace(past, failures=past.failures + 1)
    if lived.seconds >= STEADY_SECONDS:
        rests = 0 if lived.seconds >= FLAP_TIME.total_seconds() else past.rests
        return replace(past, failures=1, rests=rests)
    is_new = past.flapping_since is None or lived.at - past.flapping_since > FLAP_TIME
    return replace(
        past,
        failures=past.failures + 1,
        flaps=1 if is_new else past.flaps + 1,
        flapping_since=lived.at if is_new else past.flapping_since,
    )
