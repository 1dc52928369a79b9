"""The house's own accounts, the most pressing first, and what is done with many."""

from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from menting.accounts import signin
from menting.accounts.models import Account, AccountState
from menting.accounts.read import Which
from menting.console import filters, fleet, keyset, reasons
from menting.console.page import OperatorRequest, after, done, refused, show, shown
from menting.console.templatetags.look import channel

#: The most pressing last.
_URGENCY = (
    AccountState.ONLINE,
    AccountState.OFFLINE,
    AccountState.CONNECTING,
    AccountState.BACKOFF,
    AccountState.NEEDS_AUTH,
    AccountState.BANNED,
)
_MEANT = ("channel", "state", "reason")
_PRESSING = keyset.Key("urgency", read=int, write=str)


@shown("accounts.read")
def accounts(request: OperatorRequest) -> HttpResponse:
    """Show the accounts by channel and state, and their list, the most pressing first."""
    everyone, why = fleet.count(), fleet.why()
    asked = filters.of(
        request,
        {
            "q": None,
            "channel": {row.channel: channel(row.channel) for row in everyone.rows},
            "state": {state.value: str(state.label) for state in fleet.STATES},
            "reason": {one.reason: reasons.word(one.reason) for one in why if one.reason},
        },
    )
    context = {
        "fleet": everyone,
        "why": why,
        "page": keyset.page(request, _asked(asked), by=_PRESSING),
        "filters": asked,
        "states": fleet.STATES,
        "summary": fleet.summary(everyone),
    }
    return show(request, "accounts.html", context)


@shown("accounts.read")
def fleet_part(request: OperatorRequest) -> HttpResponse:
    """Show the counts alone, for the page that asks again every few seconds."""
    return show(request, "_fleet.html", {"fleet": fleet.count(), "why": fleet.why()})


@done("accounts.signin")
def sign_in_all(request: OperatorRequest) -> HttpResponse:
    """Want every account online."""
    n = signin.want_online(request.actor)
    said = ngettext("%(n)d account signs in.", "%(n)d accounts sign in.", n) % {"n": n}
    return after(request, said, "console:accounts")


@done("accounts.signin")
def retry(request: OperatorRequest) -> HttpResponse:
    """Try all at once that are down for one reason."""
    channel, state, reason = (request.POST.get(name, "") for name in _MEANT)
    meant = Which(channel=channel, state=state, reason=reason)
    if not state:
        return refused(request, gettext("No account was chosen."), "console:accounts")
    n = signin.retry_where(request.actor, meant)
    said = ngettext("%(n)d account tries again.", "%(n)d accounts try again.", n) % {"n": n}
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
    for name in ("channel", "state", "reason"):
        if asked[name]:
            rows = rows.filter(**{name: asked[name]})
    return rows
