"""An account, its session's state, its lease and its pace; and what binds accounts."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class AccountState(models.TextChoices):
    """The states of `channels.base.State`, with the words that people see."""

    OFFLINE = "offline", _("Offline")
    CONNECTING = "connecting", _("Connecting")
    ONLINE = "online", _("Online")
    BACKOFF = "backoff", _("Waiting to retry")
    NEEDS_AUTH = "needs_auth", _("Needs sign-in")
    BANNED = "banned", _("Banned by platform")


class Bond(models.Model):
    """A limit or a connection that several accounts share (`channels.base.Bond`)."""

    name = models.CharField(max_length=320, unique=True)
    #: GCRA, as an account's own.
    tat = models.BigIntegerField(default=0)
    interval = models.BigIntegerField(default=0)
    burst = models.PositiveIntegerField(default=1)
    #: Its accounts are leased by one keeper at a time.
    one_holder = models.BooleanField(default=False)

    @override
    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """One of the house's own accounts on a platform."""

    channel = models.CharField(max_length=16)
    #: The platform's own name of it, as in the roster; never changes.
    handle = models.CharField(max_length=255)
    name = models.CharField(max_length=120, blank=True)
    #: Whom it signs in at (`Channel.host`), and what binds it to others, if anything.
    host = models.CharField(max_length=255, blank=True)
    bond = models.ForeignKey(
        Bond, null=True, on_delete=models.PROTECT, related_name="accounts"
    )
    #: Options of the channel that are no secret.
    options = models.JSONField(default=dict)
    #: AES-256-GCM with the account's id as associated data; empty only within the import.
    sealed = models.BinaryField(default=b"")

    wanted_online = models.BooleanField(default=False)
    state = models.CharField(
        max_length=16, choices=AccountState, default=AccountState.OFFLINE
    )
    reason = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField()
    #: When a lost session is tried again; also what `signin` moves to now.
    retry_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    #: Sessions that ended soon after they had come online, since when, and how often it
    #: was made to rest for it.
    flaps = models.PositiveIntegerField(default=0)
    flapping_since = models.DateTimeField(null=True)
    rests = models.PositiveIntegerField(default=0)
    resting_since = models.DateTimeField(null=True)
    #: What the last session could do: names of `channels.base.Cap` in small letters.
    caps = models.CharField(max_length=120, blank=True)
    #: A webhook said that something waits to be fetched; null once a session was told.
    nudged_at = models.DateTimeField(null=True)
    #: What the platform needs to go on where the last session stopped.
    resume = models.BinaryField(default=b"")

    lease_by = models.CharField(max_length=80, default="", blank=True)
    lease_until = models.DateTimeField(null=True)

    #: GCRA: theoretical arrival time, interval and burst, in microseconds (0: no limit).
    tat = models.BigIntegerField(default=0)
    interval = models.BigIntegerField(default=0)
    burst = models.PositiveIntegerField(default=1)

    created_at = models.DateTimeField(auto_now_add=True)
    #: A removed account keeps its row, so that messages and consents keep their place.
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "handle"], name="account_once"),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(wanted_online=True, removed_at=None),
                name="account_wanted",
            ),
            models.Index(fields=["state", "channel"], name="account_state"),
            # A keeper counts what it holds each second: this index alone answers that.
            models.Index(
                fields=["lease_by"],
                condition=models.Q(wanted_online=True, removed_at=None),
                name="account_held",
            ),
            models.Index(
                fields=["lease_by"],
                condition=models.Q(nudged_at__isnull=False),
                name="account_nudged",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name or self.handle
