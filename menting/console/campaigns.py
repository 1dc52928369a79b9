"""Campaigns: written, planned, approved, started, watched, and what only a person can decide."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, gettext_lazy, ngettext

from menting.campaigns import approve as approval
from menting.campaigns import content, plan
from menting.campaigns.models import Campaign, CampaignState, Delivery, Posting
from menting.console import charts, filters, keyset, progress
from menting.console.page import OperatorRequest, after, both, done, refused, show, shown
from menting.people.models import SendState


class TomlForm(forms.Form):
    """A campaign as the file that the command reads, too."""

    toml = forms.CharField(
        label=gettext_lazy("Campaign as TOML"),
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "codes"}),
    )


@shown("campaigns.read")
def campaigns(request: OperatorRequest) -> HttpResponse:
    """List the campaigns, the newest first, of all or of one state."""
    asked = filters.of(
        request, {"state": {state.value: str(state.label) for state in CampaignState}}
    )
    rows = Campaign.objects.all()
    if asked["state"]:
        rows = rows.filter(state=asked["state"])
    page = keyset.page(request, rows, size=20)
    context = {
        "page": page,
        "lines": [progress.of(one) for one in page.items],
        "filters": asked,
        "states": CampaignState,
    }
    return show(request, "campaigns.html", context)


@shown("campaigns.read")
def campaign(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show one campaign: where it stands, its lanes, its unknowns and who was left out."""
    one = get_object_or_404(Campaign, pk=pk)
    context = {
        **_live(one),
        "postings": Posting.objects.filter(campaign=one).select_related("account", "invitation"),
        "contents": sorted(one.content.items()),
        "left_out": _left_out(one.left_out),
        "accounts": one.accounts.order_by("pk")[:50],
        "may_start": _may_start(one),
    }
    return show(request, "campaign.html", context)


@shown("campaigns.read")
def live_part(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show what moves, for the page that asks again every two seconds."""
    one = get_object_or_404(Campaign, pk=pk)
    return show(request, "_campaign_live.html", _live(one))


@shown("campaigns.read")
def short_part(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show a campaign's bar alone, for the first page."""
    one = progress.of(get_object_or_404(Campaign, pk=pk))
    return show(request, "_campaign_short.html", {"one": one})


@shown("campaigns.read")
def deliveries(request: OperatorRequest, pk: int) -> HttpResponse:
    """List the recipients of a campaign, of all or of one state, each with its reason."""
    one = get_object_or_404(Campaign, pk=pk)
    asked = filters.of(
        request, {"state": {state.value: str(state.label) for state in SendState}}
    )
    rows = Delivery.objects.filter(campaign=one).select_related("contact", "account")
    if asked["state"]:
        rows = rows.filter(state=asked["state"])
    context = {
        "campaign": one,
        "page": keyset.page(request, rows),
        "filters": asked,
        "states": SendState,
    }
    return show(request, "deliveries.html", context)


@both("campaigns.write")
def new(request: OperatorRequest) -> HttpResponse:
    """Write a campaign; the same text that `menting campaign create` reads."""
    form = TomlForm(request.POST or None, initial={"toml": content.SAMPLE})
    if request.method == "POST" and form.is_valid():
        try:
            made = content.create(request.actor, content.parse(form.cleaned_data["toml"]))
        except content.ContentError as error:
            form.add_error("toml", str(error))
        else:
            return redirect("console:campaign", made.pk)
    return show(request, "campaign_new.html", {"form": form}, status=422 if form.errors else 200)


@shown("campaigns.read")
def dry_run(request: OperatorRequest, pk: int) -> HttpResponse:
    """Say who would get it and why each other one would not, without storing anything."""
    one = get_object_or_404(Campaign, pk=pk)
    tried = plan.dry_run(one.pk)
    context = {
        "campaign": one,
        "chosen": tried.planned,
        "left_out": _left_out(tried.left_out),
        "examined": tried.planned + sum(tried.left_out.values()),
    }
    return show(request, "campaign_dry_run.html", context)


def _live(one: Campaign) -> dict[str, Any]:
    unknown = Delivery.objects.filter(campaign=one, state=SendState.UNKNOWN)
    return {
        "campaign": one,
        "progress": progress.of(one),
        "lanes": progress.lanes(one),
        "unknown": unknown.select_related("contact", "account").order_by("pk")[:50],
        "left_out_count": sum(one.left_out.values()),
        "is_live": one.state == CampaignState.RUNNING,
    }


def _left_out(reasons: dict[str, int]) -> list[dict[str, Any]]:
    most = max(reasons.values(), default=0)
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"reason": reason, "count": n, "bar": charts.thin(n, of=most, fill="f-ink3")}
        for reason, n in ranked
    ]
