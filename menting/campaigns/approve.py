"""An operator's word on a campaign: approve, start, pause."""

from django.db import transaction
from django.utils.translation import gettext

from menting.base import clock
from menting.campaigns import revision, text
from menting.campaigns.errors import HeldError, NotApprovedError, StateError
from menting.campaigns.models import Campaign, CampaignState, Posting
from menting.people.sendable import SendState
from menting.users import audit, guard, house
from menting.users.guard import Actor

_CAN_START = (CampaignState.PLANNED, CampaignState.PAUSED)


@transaction.atomic
def approve(actor: Actor, campaign_id: int) -> Campaign:
    """Approve what the campaign says now; a later change of it must be approved anew."""
    guard.check(actor, "campaigns.approve")
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    campaign.revision = campaign.approved_revision = revision.of(campaign)
    campaign.approved_at = clock.now()
    campaign.approved_by_id = int(actor.name) if actor.kind == "user" else None
    campaign.save(
        update_fields=["revision", "approved_revision", "approved_at", "approved_by"]
    )
    _record(actor, "campaign.approve", campaign)
    return campaign


@transaction.atomic
def start(actor: Actor, campaign_id: int) -> Campaign:
    """Let a planned campaign go out, or a paused one go on.

    Raises StateError, NotApprovedError, HeldError, and house.HouseIncompleteError while it
    is not said who speaks.
    """
    guard.check(actor, "campaigns.start")
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    _check_may_start(campaign)
    if campaign.state == CampaignState.PLANNED:
        _frame_posts(campaign)
    campaign.state, campaign.reason = CampaignState.RUNNING, ""
    campaign.started_at = campaign.started_at or clock.now()
    campaign.save(update_fields=["state", "reason", "started_at"])
    _record(actor, "campaign.start", campaign)
    return campaign


@transaction.atomic
def pause(actor: Actor, campaign_id: int) -> Campaign:
    """Stop a running campaign between two sends; what was handed over cannot come back.

    Raises StateError when it does not run.
    """
    guard.check(actor, "campaigns.pause")
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if campaign.state != CampaignState.RUNNING:
        raise StateError(
            gettext("Campaign %(id)d does not run: it is “%(state)s”.")
            % {"id": campaign_id, "state": campaign.get_state_display()}
        )
    campaign.state, campaign.reason = CampaignState.PAUSED, "paused by an operator"
    campaign.save(update_fields=["state", "reason"])
    _record(actor, "campaign.pause", campaign)
    return campaign


def _check_may_start(campaign: Campaign) -> None:
    if campaign.state not in _CAN_START:
        raise StateError(
            gettext(
                "Campaign %(id)d is “%(state)s”: only a planned or a paused one is started."
            )
            % {"id": campaign.pk, "state": campaign.get_state_display()}
        )
    if house.get().held_since is not None:
        raise HeldError(
            gettext(
                "The state was restored from a backup, and messages may have gone out "
                "since it was made: the owner says go on, on the console's home page."
            )
        )
    house.sender()
    if campaign.approved_revision != revision.of(campaign):
        raise NotApprovedError(
            gettext(
                "Campaign %(id)d is not approved as it is now: read it, then approve it."
            )
            % {"id": campaign.pk}
        )


def _frame_posts(campaign: Campaign) -> None:
    """Write the posts as everybody will read them; who speaks is known for sure now."""
    if not campaign.post:
        return
    here = house.get()
    language = text.nearest("", campaign.post, house=here.language)
    framed = text.render_post(
        campaign.post[language]["text"], language=language, sender=house.sender()
    )
    Posting.objects.filter(
        campaign=campaign, occurrence=campaign.occurrence, state=SendState.PLANNED
    ).update(text=framed)


def _record(actor: Actor, act: str, campaign: Campaign) -> None:
    audit.record(
        actor,
        act,
        target=f"campaign:{campaign.pk}",
        detail={"revision": campaign.approved_revision},
    )
