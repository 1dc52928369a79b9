"""What is done to a campaign, each a step of its own and each in the audit log."""

from collections.abc import Callable

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, gettext_lazy

from menting.campaigns import approve, plan, resolve
from menting.campaigns.errors import CampaignError
from menting.campaigns.models import Campaign, Delivery
from menting.console.page import OperatorRequest, after, done, refused
from menting.users.guard import Actor
from menting.users.house import HouseIncompleteError

_ACTS: dict[str, tuple[Callable[[Actor, int], object], object]] = {
    "plan": (plan.plan, gettext_lazy("The plan is made and the list is frozen.")),
    "approve": (approve.approve, gettext_lazy("Approved as it stands now.")),
    "start": (approve.start, gettext_lazy("Sending has begun.")),
    "pause": (approve.pause, gettext_lazy("Paused; what was already on its way arrives.")),
}


@done("campaigns.read")
def act(request: OperatorRequest, pk: int) -> HttpResponse:
    """Plan, approve, start or pause a campaign; the domain says whether it may be."""
    campaign = get_object_or_404(Campaign, pk=pk)
    work, said = _ACTS.get(request.POST.get("act", ""), (None, ""))
    if work is None:
        return refused(request, gettext("Nothing was changed."), "console:campaign", pk)
    try:
        work(request.actor, campaign.pk)
    except (CampaignError, HouseIncompleteError) as error:
        return refused(request, error, "console:campaign", pk)
    return after(request, str(said), "console:campaign", pk)


@done("campaigns.resolve")
def settle(request: OperatorRequest, pk: int) -> HttpResponse:
    """Decide an unknown delivery: assume it arrived, or send it again at that risk."""
    delivery = get_object_or_404(Delivery, pk=pk)
    again = request.POST.get("how") == "again"
    answer = resolve.Answer.AGAIN if again else resolve.Answer.RECEIVED
    try:
        resolve.resolve(request.actor, delivery.pk, answer=answer)
    except CampaignError as error:
        return refused(request, error, "console:campaign", delivery.campaign_id)
    said = gettext("It is sent again.") if again else gettext("Taken as delivered.")
    return after(request, said, "console:campaign", delivery.campaign_id)
