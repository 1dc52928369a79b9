"""The house's own accounts: which are live, what ails the others, and the roster."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from menting.accounts import read, roster, signin, vault
from menting.accounts.models import Account, AccountState
from menting.console import charts, filters, keyset
from menting.console.page import OperatorRequest, after, both, done, refused, show, shown
from menting.console.templatetags.look import channel
from menting.people.models import Conversation

#: The most pressing first; also the order of the columns read from right to left.
_URGENCY = (
    AccountState.ONLINE,
    AccountState.OFFLINE,
    AccountState.CONNECTING,
    AccountState.BACKOFF,
    AccountState.NEEDS_AUTH,
    AccountState.BANNED,
)
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
_NEEDED = (AccountState.NEEDS_AUTH, AccountState.BANNED)
_MENDING = (AccountState.BACKOFF, AccountState.CONNECTING)
_PRESSING = keyset.Key("urgency", read=int, write=str)


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


class RosterForm(forms.Form):
    """A roster file, tried or stored."""

    file = forms.FileField(
        label=gettext_lazy("Roster file"),
        help_text=gettext_lazy(
            "CSV or JSON Lines: channel, handle, name and the channel's secrets."
        ),
        max_length=200,
    )


def fleet() -> Fleet:
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


@shown("accounts.read")
def accounts(request: OperatorRequest) -> HttpResponse:
    """Show the accounts by channel and state, and their list, the most pressing first."""
    everyone = fleet()
    asked = filters.of(
        request,
        {
            "q": None,
            "channel": {row.channel: channel(row.channel) for row in everyone.rows},
            "state": {state.value: str(state.label) for state in STATES},
        },
    )
    context = {
        "fleet": everyone,
        "page": keyset.page(request, _asked(asked), by=_PRESSING),
        "filters": asked,
        "states": STATES,
        "summary": _summary(everyone),
    }
    return show(request, "accounts.html", context)


@shown("accounts.read")
def fleet_part(request: OperatorRequest) -> HttpResponse:
    """Show the counts alone, for the page that asks again every few seconds."""
    return show(request, "_fleet.html", {"fleet": fleet()})


@shown("accounts.read")
def account(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show one account, its state and the latest conversations it holds."""
    one = get_object_or_404(Account, pk=pk)
    talks = Conversation.objects.filter(account=one).select_related("identity__contact")
    context = {
        "account": one,
        "talks": talks.order_by("-last_at", "-pk")[:20],
        "talk_count": talks.count(),
    }
    return show(request, "account.html", context)


@both("accounts.import")
def import_roster(request: OperatorRequest) -> HttpResponse:
    """Read a roster; store its good lines, or only say what would be stored."""
    form = RosterForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        upload, is_dry = form.cleaned_data["file"], "dry_run" in request.POST
        work = roster.dry_run if is_dry else roster.store
        try:
            brought = roster.parse(upload.read(), name=upload.name)
            told = work(request.actor, brought)
        except (roster.RosterError, vault.KeyMissingError) as error:
            form.add_error("file", str(error))
        else:
            context |= {"roster": brought, "told": told, "is_dry": is_dry}
    return show(request, "account_import.html", context, status=422 if form.errors else 200)


@done("accounts.signin")
def sign_in_all(request: OperatorRequest) -> HttpResponse:
    """Want every account online."""
    n = signin.want_online(request.actor)
    said = ngettext("%(n)d account signs in.", "%(n)d accounts sign in.", n) % {"n": n}
    return after(request, said, "console:accounts")


@done("accounts.read")
def change(request: OperatorRequest) -> HttpResponse:
    """Sign the chosen accounts in, sign them out, or remove one."""
    only = request.POST.get("only")
    chosen = [only] if only else request.POST.getlist("id")
    ids = [int(pk) for pk in chosen if pk.isdigit()]
    act = "signin" if only else request.POST.get("act", "")
    if not ids:
        return refused(request, gettext("No account was chosen."), "console:accounts")
    try:
        said = _change(request, act, ids)
    except signin.UnknownAccountError as error:
        return refused(request, error, "console:accounts")
    return after(request, said, "console:accounts")


def _change(request: OperatorRequest, act: str, ids: list[int]) -> str:
    n = len(ids)
    if act == "signin":
        signin.want_online(request.actor, ids)
        return ngettext("%(n)d account signs in.", "%(n)d accounts sign in.", n) % {"n": n}
    if act == "signout":
        signin.want_offline(request.actor, ids)
        return ngettext("%(n)d account signs out.", "%(n)d accounts sign out.", n) % {
            "n": n
        }
    if act == "remove":
        signin.remove(request.actor, ids[0])
        return gettext("The account is removed and its secret is destroyed.")
    return gettext("Nothing was changed.")


def _asked(asked: filters.Filters) -> QuerySet[Any, Any]:
    ranks = [When(state=state, then=Value(rank)) for rank, state in enumerate(_URGENCY)]
    rows = Account.objects.filter(removed_at=None).defer("sealed", "resume")
    rows = rows.annotate(
        urgency=Case(*ranks, default=Value(0), output_field=IntegerField())
    )
    if asked["q"]:
        rows = rows.filter(Q(name__icontains=asked["q"]) | Q(handle__icontains=asked["q"]))
    for name in ("channel", "state"):
        if asked[name]:
            rows = rows.filter(**{name: asked[name]})
    return rows


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


def _summary(everyone: Fleet) -> str:
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
