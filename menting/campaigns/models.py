"""A campaign, one Delivery a recipient, and Postings on walls of one's own."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from menting.accounts.models import Account
from menting.people.models import Consent, Contact, Conversation, Identity
from menting.people.sendable import Sendable
from menting.spaces.models import Invitation
from menting.users.models import User


class CampaignState(models.TextChoices):
    """Where a campaign stands."""

    DRAFT = "draft", _("Draft")
    PLANNED = "planned", _("Planned")
    RUNNING = "running", _("Sending")
    PAUSED = "paused", _("Paused")
    DONE = "done", _("Done")


class Campaign(models.Model):
    """Something to say, to whom, from which accounts and for which purpose."""

    name = models.CharField(max_length=120)
    purpose = models.CharField(max_length=40)
    segment = models.JSONField(default=dict)
    #: Liquid by language: {"zh-hans": {"text": …}, "en": {"text": …}}
    content = models.JSONField(default=dict)
    #: Text for walls and guestbooks by language, without anything personal.
    post = models.JSONField(default=dict)
    accounts = models.ManyToManyField(Account, related_name="campaigns")
    walls = models.ManyToManyField(Account, related_name="wall_campaigns")
    invitations = models.ManyToManyField(Invitation, related_name="campaigns")
    state = models.CharField(
        max_length=12, choices=CampaignState, default=CampaignState.DRAFT
    )
    reason = models.CharField(max_length=300, blank=True)
    #: Counts up when a campaign is sent again; part of every uniqueness.
    occurrence = models.PositiveIntegerField(default=1)
    #: Hash over everything above that decides what is sent to whom.
    revision = models.CharField(max_length=64)
    #: The revision that was approved; a change of content makes it differ.
    approved_revision = models.CharField(max_length=64, blank=True)
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    approved_at = models.DateTimeField(null=True)
    planned_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    #: Why people were left out at planning: {reason: n}
    left_out = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["state", "-id"], name="campaign_state")]

    @override
    def __str__(self) -> str:
        return self.name


class Delivery(Sendable):
    """One recipient of one campaign; rows are made in account order (4 x in the claim)."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    occurrence = models.PositiveIntegerField(default=1)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, db_index=False)
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    #: No delivery without the person's own act on record.
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, db_index=False)
    language = models.CharField(max_length=16)
    #: The bytes that were sent, written by the `dispatching` update; pruned to `text_hash`.
    text = models.TextField(blank=True)
    text_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            # By contact first: it is also how a person's deliveries are found.
            models.UniqueConstraint(
                fields=["contact", "campaign", "occurrence"], name="delivery_once_a_person"
            ),
            models.UniqueConstraint(
                fields=["campaign", "occurrence", "identity"],
                name="delivery_once_an_endpoint",
            ),
        ]
        indexes = [
            # By campaign first: what a paused one has ready is never stepped over.
            models.Index(
                fields=["campaign", "account", "due", "id"],
                condition=models.Q(state="ready"),
                name="delivery_ready",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["claimed", "dispatching"]),
                name="delivery_leased",
            ),
            models.Index(
                fields=["account"],
                condition=models.Q(state="unknown"),
                name="delivery_unknown",
            ),
            models.Index(
                fields=["settled_at"],
                condition=models.Q(settled_at__isnull=False) & ~models.Q(text=""),
                name="delivery_texts",
            ),
            models.Index(
                fields=["campaign", "occurrence", "state", "id"], name="delivery_state"
            ),
            # Bounces and confirmations name a message by the platform's id.
            models.Index(
                fields=["provider_id"],
                condition=~models.Q(provider_id=""),
                name="delivery_provider",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"delivery {self.pk}"


class Posting(Sendable):
    """One text on one wall of one's own, or in one guestbook whose owner invited it."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="postings"
    )
    occurrence = models.PositiveIntegerField(default=1)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings")
    #: Null: the account's own wall.
    invitation = models.ForeignKey(Invitation, on_delete=models.PROTECT, null=True)
    text = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "occurrence", "account"],
                condition=models.Q(invitation=None),
                name="posting_once_a_wall",
            ),
            models.UniqueConstraint(
                fields=["campaign", "occurrence", "account", "invitation"],
                name="posting_once_a_guestbook",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account"],
                condition=models.Q(
                    state__in=["planned", "ready", "claimed", "dispatching", "unknown"]
                ),
                name="posting_open",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"posting {self.pk}"
