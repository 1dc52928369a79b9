"""The house's accounts as a fleet: how many are in which state, and what ails them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from menting.accounts import read, signin
from menting.accounts.models import AccountState
from menting.console import charts

STATES = (
    AccountState.ONLINE,
    AccountState.CONNECTING,
    AccountState.BACKOFF,
    AccountState.NEEDS_AUTH,
    AccountState.BANNED,
    AccountState.OFFLINE,
)
_FILLS = {
    AccountState.ONLINE: "f-jade",
    AccountState.CONNECTING: "f-jade2",
    AccountState.BACKOFF: "f-ink3",
    AccountState.NEEDS_AUTH: "f-need",
    AccountState.BANNED: "f-ink",
    AccountState.OFFLINE: "f-line",
}
#: More reasons than anybody reads: the rest is in the list below.
MOST_REASONS = 12
_NEEDED = (AccountState.NEEDS_AUTH, AccountState.BANNED)
_MENDING = (AccountState.BACKOFF, AccountState.CONNECTING)


@dataclass(frozen=True, slots=True)
class Cell:
    """How many accounts of a channel are in a state."""

    state: str
    word: str
    count: int
    is_needed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One channel's accounts by state."""

    channel: str
    cells: list[Cell]
    total: int
    bar: SafeString


@dataclass(frozen=True, slots=True)
class Why:
    """Accounts that are down for one reason, and whether trying them again is of use."""

    channel: str
    state: str
    word: str
    reason: str
    count: int
    since: datetime
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class Fleet:
    """All accounts by channel and state; the sums of the columns are of the rows shown."""

    rows: list[Row]
    sums: list[Cell]
    total: int
    bar: SafeString

    @property
    def online(self) -> int:
        """Return how many are online."""
        return self.of(AccountState.ONLINE)

    def of(self, state: str) -> int:
        """Return how many are in a state."""
        return next(cell.count for cell in self.sums if cell.state == state)


def count() -> Fleet:
    """Count the accounts by channel and state."""
    by_channel = read.counts()
    largest = max((sum(states.values()) for states in by_channel.values()), default=0)
    order = sorted(by_channel.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    sums: dict[str, int] = {
        state: sum(states.get(state, 0) for states in by_channel.values())
        for state in STATES
    }
    return Fleet(
        rows=[_row(channel, states, largest) for channel, states in order],
        sums=_cells(sums),
        total=sum(sums.values()),
        bar=charts.stacked(_parts(sums), label=_told(sums)),
    )


def why() -> list[Why]:
    """Return why accounts are not online that are to be, the commonest reason first."""
    return [
        Why(
            channel=one.channel,
            state=one.state,
            word=str(AccountState(one.state).label),
            reason=one.reason,
            count=one.accounts,
            since=one.since,
            is_stuck=one.state in signin.STUCK,
        )
        for one in read.down(limit=MOST_REASONS)
    ]


def summary(everyone: Fleet) -> str:
    """Say in one sentence how the accounts stand."""
    return gettext(
        "%(total)s in all, %(online)s online; %(needed)s need a person, "
        "%(mending)s mend by themselves, %(off)s are signed out."
    ) % {
        "total": f"{everyone.total:,}",
        "online": f"{everyone.of(AccountState.ONLINE):,}",
        "needed": f"{sum(everyone.of(state) for state in _NEEDED):,}",
        "mending": f"{sum(everyone.of(state) for state in _MENDING):,}",
        "off": f"{everyone.of(AccountState.OFFLINE):,}",
    }


def _row(channel: str, states: dict[str, int], largest: int) -> Row:
    return Row(
        channel=channel,
        cells=_cells(states),
        total=sum(states.values()),
        bar=charts.stacked(_parts(states), of=largest),
    )


def _cells(states: dict[str, int]) -> list[Cell]:
    return [
        Cell(
            state.value, str(state.label), states.get(state, 0), is_needed=state in _NEEDED
        )
        for state in STATES
    ]


def _parts(states: dict[str, int]) -> Iterable[charts.Part]:
    return [charts.Part(states.get(state, 0), _FILLS[state]) for state in STATES]


def _told(states: dict[str, int]) -> str:
    return gettext(", ").join(f"{state.label} {states.get(state, 0):,}" for state in STATES)
