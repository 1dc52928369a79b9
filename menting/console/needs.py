"""What needs a person now: one call a thing, the longest waiting first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext

from menting.accounts.models import Account, AccountState
from menting.campaigns.models import Campaign, CampaignState, Delivery
from menting.console import reasons
from menting.console.templatetags.look import channel
from menting.people.sendable import SendState
from menting.spaces.models import GuestbookEntry, Space
from menting.users import guard, house
from menting.users.guard import Actor

#: What `campaigns.approve.pause` writes.
BY_OPERATOR = "paused by an operator"


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that waits for a person: what, since when, and where it is settled."""

    title: str
    detail: str
    url: str
    verb: str
    since: datetime | None = None


def calls(actor: Actor) -> list[Call]:
    """Return what waits for this operator; what has no beginning comes first."""
    found = [
        *_house(actor),
        *_accounts(actor),
        *_campaigns(actor),
        *_unknown(actor),
        *_guestbooks(actor),
    ]
    return sorted(found, key=lambda call: (call.since is not None, call.since))


def _house(actor: Actor) -> Iterator[Call]:
    if not guard.may(actor, "house.change"):
        return
    here = house.get()
    if here.held_since:
        yield Call(
            title=gettext("A backup was restored; nothing goes out"),
            detail=gettext("Look at the campaigns that were under way, then say go on."),
            url=reverse("console:settings") + "#go-on",
            verb=gettext("Look"),
            since=here.held_since,
        )
    if not (here.legal_name and here.contact):
        yield Call(
            title=gettext("The house has no name and contact yet"),
            detail=gettext(
                "Every message must say who sends it; no campaign starts before."
            ),
            url=reverse("console:settings") + "#house",
            verb=gettext("Fill in"),
        )


def _accounts(actor: Actor) -> Iterator[Call]:
    if not guard.may(actor, "accounts.read"):
        return
    for state in (AccountState.BANNED, AccountState.NEEDS_AUTH):
        rows = (
            Account.objects.filter(state=state, removed_at=None)
            .values("channel")
            .annotate(n=Count("pk"), first=Min("since"))
            .order_by("-n")
        )
        if found := list(rows):
            by_channel = {row["channel"]: row["n"] for row in found}
            yield _account_call(state, by_channel, min(row["first"] for row in found))


def _account_call(state: str, by_channel: dict[str, int], since: datetime) -> Call:
    n = sum(by_channel.values())
    title = (
        ngettext(
            "%(n)d account needs a new sign-in", "%(n)d accounts need a new sign-in", n
        )
        if state == AccountState.NEEDS_AUTH
        else ngettext(
            "%(n)d account is banned by its platform",
            "%(n)d accounts are banned by platforms",
            n,
        )
    )
    told = gettext(", ").join(
        f"{channel(name)} {count:,}" for name, count in by_channel.items()
    )
    return Call(
        title=title % {"n": n},
        detail=gettext("%(channels)s; never tried again by itself") % {"channels": told},
        url=reverse("console:accounts") + f"?state={state}",
        verb=pgettext("see the reason", "See why"),
        since=since,
    )


def _campaigns(actor: Actor) -> Iterator[Call]:
    if not guard.may(actor, "campaigns.read"):
        return
    # Whom an operator paused waits for nobody.
    paused = Campaign.objects.filter(state=CampaignState.PAUSED)
    stopped = paused.exclude(reason__in=("", BY_OPERATOR))
    for campaign in stopped.order_by("pk")[:5]:
        yield Call(
            title=gettext("“%(name)s” stopped by itself") % {"name": campaign.name},
            detail=reasons.word(campaign.reason),
            url=reverse("console:campaign", args=[campaign.pk]),
            verb=gettext("Look"),
            since=campaign.started_at,
        )


def _unknown(actor: Actor) -> Iterator[Call]:
    if not guard.may(actor, "campaigns.resolve"):
        return
    # By campaign, so that the index (campaign, state) is sought and no delivery is scanned.
    sent = Campaign.objects.exclude(state=CampaignState.DRAFT)
    rows = (
        Delivery.objects.filter(campaign__in=sent, state=SendState.UNKNOWN)
        .values("campaign", "campaign__name")
        .annotate(n=Count("pk"), first=Min("settled_at"))
        .order_by("first")
    )
    for row in rows[:5]:
        words = ngettext(
            "%(n)d delivery is unknown", "%(n)d deliveries are unknown", row["n"]
        )
        yield Call(
            title=words % {"n": row["n"]},
            detail=gettext("“%(name)s”: the platform did not say whether it took them")
            % {"name": row["campaign__name"]},
            url=reverse("console:campaign", args=[row["campaign"]]) + "#unknown",
            verb=gettext("Decide"),
            since=row["first"],
        )


def _guestbooks(actor: Actor) -> Iterator[Call]:
    if not guard.may(actor, "spaces.write"):
        return
    rows = (
        GuestbookEntry.objects.filter(
            space__in=Space.objects.all(), state=GuestbookEntry.State.PENDING
        )
        .values("space__slug", "space__name")
        .annotate(n=Count("pk"), first=Min("at"))
        .order_by("first")
    )
    for row in rows[:5]:
        words = ngettext(
            "%(n)d guestbook entry awaits approval",
            "%(n)d guestbook entries await approval",
            row["n"],
        )
        yield Call(
            title=words % {"n": row["n"]},
            detail=row["space__name"],
            url=reverse("console:space", args=[row["space__slug"]]) + "#pending",
            verb=gettext("Review"),
            since=row["first"],
        )
