"""Campaigns: written, tried, watched, and what only a person can decide."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy

from menting.campaigns import audience, content, plan, text
from menting.campaigns.errors import ContentError
from menting.campaigns.models import Campaign, CampaignState, Delivery, Posting
from menting.console import charts, filters, keyset, needs, progress, reasons
from menting.console.page import OperatorRequest, both, show, shown
from menting.people.sendable import SendState
from menting.users import house

_STARTS_FROM = (CampaignState.PLANNED, CampaignState.PAUSED)
#: Lanes that a page shows at first, and when all are asked for.
_LANES, _ALL_LANES = 10, 500
#: People a page of those left out.
_PEOPLE = 50


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
    one = get_object_or_404(Campaign.objects.select_related("approved_by"), pk=pk)
    is_approved = bool(one.approved_revision) and one.approved_revision == one.revision
    context = {
        **_live(request, one),
        "postings": Posting.objects.filter(campaign=one).select_related(
            "account", "invitation"
        ),
        "texts": _texts(one),
        "left_out": _left_out(one.left_out),
        "is_approved": is_approved,
        "stopped_by_itself": one.reason not in ("", needs.BY_OPERATOR),
        "may_start": is_approved and one.state in _STARTS_FROM,
    }
    return show(request, "campaign.html", context)


@shown("campaigns.read")
def live_part(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show what moves, for the page that asks again every two seconds."""
    one = get_object_or_404(Campaign, pk=pk)
    return show(request, "_campaign_live.html", _live(request, one))


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
        except ContentError as error:
            form.add_error("toml", str(error))
        else:
            return redirect("console:campaign", made.pk)
    return show(
        request, "campaign_new.html", {"form": form}, status=422 if form.errors else 200
    )


@shown("campaigns.read")
def dry_run(request: OperatorRequest, pk: int) -> HttpResponse:
    """Say who would get it and why each other one would not, without storing anything."""
    one = get_object_or_404(Campaign, pk=pk)
    tried = plan.dry_run(one.pk)
    people = audience.left_out(one, after=_after(request), limit=_PEOPLE)
    context = {
        "campaign": one,
        "people": people,
        "following": people[-1].contact_id if len(people) == _PEOPLE else None,
        "chosen": tried.planned,
        "left_out": _left_out(tried.left_out),
        "left_out_count": sum(tried.left_out.values()),
        "examined": tried.planned + sum(tried.left_out.values()),
    }
    return show(request, "campaign_dry_run.html", context)


def _after(request: OperatorRequest) -> int:
    """Return behind which person the list goes on."""
    asked = request.GET.get("after", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0


def _live(request: OperatorRequest, one: Campaign) -> dict[str, Any]:
    unknown = Delivery.objects.filter(campaign=one, state=SendState.UNKNOWN)
    lanes = progress.lanes(one)
    wants_all = request.GET.get("lanes") == "all"
    most = _ALL_LANES if wants_all else _LANES
    whole = progress.of(one)
    left_out = sum(one.left_out.values())
    return {
        "campaign": one,
        "progress": whole,
        "examined": whole.planned + left_out,
        "left_out_count": left_out,
        "lanes": lanes[:most],
        "more_lanes": max(len(lanes) - most, 0),
        "wants_all": wants_all,
        "unknown": unknown.select_related("contact", "account").order_by("pk")[:50],
        "is_live": one.state == CampaignState.RUNNING,
    }


def _texts(one: Campaign) -> list[dict[str, Any]]:
    """Return the text of each language between the three parts that nobody can take out."""
    here = house.get()
    texts = []
    for language, written in sorted(one.content.items()):
        frame = text.FRAMES[language]
        speaker = frame.sender.format(legal_name=here.legal_name, contact=here.contact)
        parts = [
            {"text": frame.label.strip(), "is_fixed": True},
            {"text": written["text"].strip(), "is_fixed": False},
            {"text": speaker, "is_fixed": True},
            {"text": frame.opt_out, "is_fixed": True},
        ]
        texts.append({"language": language, "parts": parts})
    return texts


def _left_out(counted: dict[str, int]) -> list[dict[str, Any]]:
    most = max(counted.values(), default=0)
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [
        {
            "word": reasons.word(reason),
            "count": n,
            "bar": charts.thin(n, of=most, fill="f-ink3"),
        }
        for reason, n in ranked
    ]
