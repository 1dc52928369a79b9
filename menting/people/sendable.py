"""What everything that goes out has in common: its state, its lease and what came of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SendState(models.TextChoices):
    """The state machine of everything that goes out."""

    PLANNED = "planned", _("Planned")  # frozen, not yet released
    READY = "ready", _("Ready")  # may be claimed once due
    CLAIMED = "claimed", _("Claimed")  # leased by a sender; nothing has left
    DISPATCHING = "dispatching", _("Sending")  # committed before the network
    ACCEPTED = "accepted", _("Accepted")  # the platform took it
    REJECTED = "rejected", _("Rejected")  # the platform refused it for good
    UNKNOWN = "unknown", _("Unknown")  # it may have left: nobody knows
    SKIPPED = "skipped", _("Skipped")  # a gate closed before it left


class Sendable(models.Model):
    """A row of the outbox: a delivery, a posting or a reply."""

    state = models.CharField(max_length=12, choices=SendState, default=SendState.PLANNED)
    reason = models.CharField(max_length=300, blank=True)
    due = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    #: Grows with each claim; a settle with an older fence changes nothing.
    fence = models.PositiveIntegerField(default=0)
    lease_by = models.CharField(max_length=80, default="", blank=True)
    lease_until = models.DateTimeField(null=True)
    #: When it first went to the network: platforms remember a key from then on.
    dispatched_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=255, blank=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
