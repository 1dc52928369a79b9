"""How far a campaign is: its parts, its lanes and what only a person can decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from menting.accounts.models import Account
from menting.base import clock
from menting.campaigns.models import Campaign, CampaignState, Delivery
from menting.console import charts
from menting.console.templatetags.look import MARKS
from menting.people.sendable import SendState

#: The order of the parts of a bar, and what fills each.
_FILLS = {
    SendState.ACCEPTED: "f-jade",
    SendState.DISPATCHING: "f-jade2",
    SendState.UNKNOWN: "hatch",
    SendState.REJECTED: "f-ink",
    SendState.SKIPPED: "f-ink3",
    SendState.READY: "f-line",
}
_COLUMNS = (
    SendState.ACCEPTED,
    SendState.READY,
    SendState.REJECTED,
    SendState.SKIPPED,
    SendState.UNKNOWN,
)
#: Frozen or leased is "ready" to who looks: nothing has left yet.
_AS_READY = (SendState.PLANNED, SendState.CLAIMED)


@dataclass(frozen=True, slots=True)
class Portion:
    """How many deliveries are in a state, with its mark and word."""

    state: str
    mark: str
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign or one of its lanes is; the parts add up to `planned`."""

    campaign: Campaign
    parts: list[Portion]
    planned: int
    bar: SafeString

    def of(self, state: str) -> int:
        """Return how many are in a state."""
        return next(part.count for part in self.parts if part.state == state)

    @property
    def accepted(self) -> int:
        """Return how many the platforms took."""
        return self.of(SendState.ACCEPTED)

    @property
    def unknown(self) -> int:
        """Return how many may have left, and nobody knows."""
        return self.of(SendState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Lane:
    """One account's share of a campaign, at its own pace."""

    account: Account
    progress: Progress
    pace: str
    ends: str
    is_stuck: bool

    @property
    def needs_a_look(self) -> bool:
        """Say whether a person should see this lane before the others."""
        return self.is_stuck or bool(self.progress.unknown)

    @property
    def cells(self) -> list[Portion]:
        """Return the figures that the lane's row shows, in the order of its columns."""
        return [
            part
            for state in _COLUMNS
            for part in self.progress.parts
            if part.state == state
        ]


def of(campaign: Campaign) -> Progress:
    """Count a campaign's deliveries by state."""
    rows = _deliveries(campaign).values("state").annotate(n=Count("pk"))
    return _progress(campaign, {row["state"]: row["n"] for row in rows})


def lanes(campaign: Campaign) -> list[Lane]:
    """Count a campaign's deliveries by account and state, those first that need a look."""
    rows = _deliveries(campaign).values("account", "state").annotate(n=Count("pk"))
    by_account: dict[int, dict[str, int]] = {}
    for row in rows:
        by_account.setdefault(row["account"], {})[row["state"]] = row["n"]
    longest = max((sum(states.values()) for states in by_account.values()), default=0)
    accounts = Account.objects.in_bulk(list(by_account))
    found = [
        _lane(campaign, accounts[pk], _progress(campaign, states, of=longest))
        for pk, states in by_account.items()
    ]
    return sorted(found, key=_rank)


def _rank(lane: Lane) -> tuple[bool, int, int]:
    return not lane.needs_a_look, -lane.progress.planned, lane.account.pk


def _deliveries(campaign: Campaign):  # type: ignore[no-untyped-def]  # a typed QuerySet of values
    return Delivery.objects.filter(campaign=campaign, occurrence=campaign.occurrence)


def _progress(campaign: Campaign, counts: Mapping[str, int], *, of: int = 0) -> Progress:
    held = sum(counts.get(state, 0) for state in _AS_READY)
    by_state = {state: counts.get(state, 0) for state in _FILLS}
    by_state[SendState.READY] += held
    parts = [
        Portion(state.value, MARKS[state.value], str(state.label), n)
        for state, n in by_state.items()
    ]
    told = gettext(", ").join(f"{part.word} {part.count:,}" for part in parts)
    drawn = [charts.Part(n, _FILLS[state]) for state, n in by_state.items()]
    return Progress(
        campaign=campaign,
        parts=parts,
        planned=sum(by_state.values()),
        bar=charts.stacked(drawn, of=of, label=told),
    )


def _lane(campaign: Campaign, account: Account, progress: Progress) -> Lane:
    left = progress.of(SendState.READY)
    stuck = bool(left) and account.state in ("banned", "needs_auth", "offline")
    return Lane(
        account=account,
        progress=progress,
        pace=_pace(account),
        ends=_ends(campaign, account, progress, stuck=stuck),
        is_stuck=stuck or (bool(progress.unknown) and not left),
    )


def _pace(account: Account) -> str:
    """Say the pace of an account from its interval in microseconds."""
    if not account.interval:
        return gettext("no limit set")
    a_minute = 60_000_000 / account.interval
    if a_minute >= 120:
        return gettext("%(n)d a second") % {"n": round(a_minute / 60)}
    return gettext("%(n)d a minute") % {"n": round(a_minute)}


def _ends(campaign: Campaign, account: Account, progress: Progress, *, stuck: bool) -> str:
    left = progress.of(SendState.READY)
    if not left and progress.unknown:
        return gettext("a person decides")
    if not left:
        return pgettext("a lane of a campaign", "done")
    if stuck:
        return gettext("stopped: %(state)s") % {"state": account.get_state_display()}
    if campaign.state != CampaignState.RUNNING:
        return "—"
    span = timedelta(microseconds=account.interval * left)
    if span < timedelta(minutes=1):
        return gettext("at once")
    return gettext("about %(time)s") % {"time": _hour(clock.now() + span)}


def _hour(at: datetime) -> str:
    return f"{timezone.localtime(at):%H:%M}"
