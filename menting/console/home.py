"""The first page: what needs a person, and that the rest goes on."""

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from menting.accounts.models import AccountState
from menting.base import clock
from menting.campaigns.models import Campaign, CampaignState
from menting.console import fleet, needs, progress, visittoday
from menting.console.page import OperatorRequest, show, shown


@shown("accounts.read")
def home(request: OperatorRequest) -> HttpResponse:
    """Show what waits, the accounts, the campaigns under way and today's visits."""
    waiting = needs.calls(request.actor)
    everyone = fleet.count()
    running = list(Campaign.objects.filter(state=CampaignState.RUNNING).order_by("-pk")[:1])
    others = Campaign.objects.exclude(pk__in=[one.pk for one in running]).order_by("-pk")[
        :4
    ]
    context = {
        "calls": waiting,
        "heading": _heading(len(waiting)),
        "rest": _rest(everyone),
        "now": clock.now(),
        "fleet": everyone,
        "running": [progress.of(one) for one in running],
        "others": [progress.of(one) for one in others],
        "today": visittoday.today(),
        "on_this_day": visittoday.on_this_day(),
    }
    return show(request, "home.html", context)


@shown("accounts.read")
def more(request: OperatorRequest) -> HttpResponse:
    """List every page, for the phone's last tab."""
    return show(request, "more.html", {})


def _heading(n: int) -> str:
    if not n:
        return gettext("Nothing needs you now")
    return ngettext("%(n)d thing needs you", "%(n)d things need you", n) % {"n": n}


def _rest(everyone: fleet.Fleet) -> str:
    under_way = Campaign.objects.filter(state=CampaignState.RUNNING).count()
    return gettext(
        "All else goes on: %(online)s accounts online, campaigns under way: %(running)d."
    ) % {"online": f"{everyone.of(AccountState.ONLINE):,}", "running": under_way}
