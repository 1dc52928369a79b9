"""Contacts, identities, conversations, messages, replies and the consent ledger."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from menting.accounts.models import Account
from menting.people.sendable import Sendable, SendState


class Contact(models.Model):
    """A person who came; `Fact` and `Identity` say from where each value is known."""

    name = models.CharField(max_length=255, blank=True)
    #: BCP 47, as the person wrote or the platform said; empty: the house's.
    language = models.CharField(max_length=16, blank=True)
    created_at = models.DateTimeField()
    last_at = models.DateTimeField()
    #: The row stays for the ledger and the deliveries; all that is personal is gone.
    erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-last_at", "-id"], name="contact_latest")]

    @override
    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


class Fact(models.Model):
    """One value known of a person, with source and time; the newest one counts."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="facts")
    field = models.CharField(max_length=40)
    value = models.CharField(max_length=1000)
    #: "matrix:message", "import:7", "form:guestbook" …
    source = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "field", "source"], name="fact_once"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.field} of contact {self.contact_id}"


class Identity(models.Model):
    """A person's address on a channel."""

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="identities"
    )
    channel = models.CharField(max_length=16)
    #: Where the address is valid: empty for all of the channel, else an account or group.
    scope = models.CharField(max_length=255, blank=True)
    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True)
    #: The keyed hash by which `Suppression` knows the address; empty once it is erased.
    endpoint = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "scope", "external_id"], name="identity_once"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.channel} identity of contact {self.contact_id}"


class Conversation(models.Model):
    """What an account and a person say to one another in one place of the platform."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="conversations"
    )
    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, related_name="conversations"
    )
    #: The platform's address of the place (a room).
    external_id = models.CharField(max_length=255)
    #: How many people are in it beside the account; only a dialogue (1) gets campaigns.
    audience = models.PositiveIntegerField(default=1)
    #: The last thing written here could not be read; readable text ends it.
    is_encrypted = models.BooleanField(default=False)
    #: The person left or blocked: nothing can be sent until they write again.
    is_closed = models.BooleanField(default=False)
    #: The platform's id of the leave that closed it last, so that it counts once.
    left_event = models.CharField(max_length=255, blank=True)
    unread = models.PositiveIntegerField(default=0)
    #: The consent notice that was last sent here: what "yes" within 24 h answers.
    noticed_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "external_id", "identity"], name="conversation_once"
            ),
        ]
        indexes = [models.Index(fields=["-last_at", "-id"], name="conversation_latest")]

    @override
    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Message(models.Model):
    """One message of a conversation, as the platform gave it."""

    class Direction(models.TextChoices):
        IN = "in", _("Received")
        OUT = "out", _("Sent")

    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    direction = models.CharField(max_length=3, choices=Direction)
    #: The platform's id; unique in the account, so that an event told twice is one message.
    event_id = models.CharField(max_length=255)
    text = models.TextField(blank=True)
    #: The platform told of a message that cannot be shown (encrypted, a file).
    is_unreadable = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "event_id"], name="message_once"),
        ]
        indexes = [
            models.Index(fields=["conversation", "-at", "-id"], name="message_latest")
        ]

    @override
    def __str__(self) -> str:
        return f"message {self.pk}"


class HookEvent(models.Model):
    """An event that came by webhook: platforms tell it again until they hear a yes."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False)
    event_id = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "event_id"], name="hook_event_once"),
        ]

    @override
    def __str__(self) -> str:
        return f"hook event {self.pk}"


class Reply(Sendable):
    """An answer to one inbound message: at most one automatic, others by hand."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="replies")
    #: The message's own, here for the claim's index.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    is_automatic = models.BooleanField()
    text = models.TextField()
    #: The answer asks "may we write to you?": what a later "yes" is an answer to.
    is_notice = models.BooleanField(default=False)
    #: What a notice asks, and what a grant in answer to it agrees to.
    wording = models.ForeignKey("Wording", on_delete=models.PROTECT, null=True)
    state = models.CharField(max_length=12, choices=SendState, default=SendState.READY)

    class Meta:
        verbose_name_plural = "replies"
        constraints = [
            models.UniqueConstraint(
                fields=["message"],
                condition=models.Q(is_automatic=True),
                name="one_automatic_reply",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "due", "id"],
                condition=models.Q(state="ready"),
                name="reply_ready",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["claimed", "dispatching"]),
                name="reply_leased",
            ),
            models.Index(
                fields=["account", "id"],
                condition=models.Q(state="unknown"),
                name="reply_unknown",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"reply {self.pk}"


class Wording(models.Model):
    """The text that a person answered when they agreed; a new text is a new version."""

    purpose = models.CharField(max_length=40)
    language = models.CharField(max_length=16)
    version = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "language", "version"], name="wording_once"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.purpose} {self.language} v{self.version}"


#: A withdrawal for every purpose.
ANY_PURPOSE = "*"


class Consent(models.Model):
    """An entry of the ledger: append-only, each holds the hash of the one before.

    In force is a grant after which no entry of the same contact and account ends it.
    """

    class Act(models.TextChoices):
        GRANTED = "granted", _("Agreed")
        WITHDRAWN = "withdrawn", _("Opted out")
        SIGNAL = "signal", _("Platform signal")  # blocked or left: ends like a withdrawal

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="consents")
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    channel = models.CharField(max_length=16)
    purpose = models.CharField(max_length=40)
    act = models.CharField(max_length=12, choices=Act)
    #: The wording the person had before them; always set for a grant.
    wording = models.ForeignKey(Wording, on_delete=models.PROTECT, null=True)
    #: The message in which the person said it; always set for a grant.
    message = models.ForeignKey(Message, on_delete=models.PROTECT, null=True)
    at = models.DateTimeField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(act="granted")
                | models.Q(wording__isnull=False, message__isnull=False),
                name="no_grant_without_evidence",
            ),
            models.CheckConstraint(
                condition=~models.Q(act="granted", purpose="*"),
                name="no_grant_of_everything",
            ),
        ]
        indexes = [
            models.Index(fields=["contact", "account", "id"], name="consent_of"),
            models.Index(
                fields=["account", "purpose", "act", "contact"], name="consent_for"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.act} {self.purpose} by contact {self.contact_id}"


class Suppression(models.Model):
    """An address that gets nothing, kept as a keyed hash so that it outlives an erasure."""

    endpoint = models.BinaryField(max_length=32, unique=True)
    channel = models.CharField(max_length=16)
    reason = models.CharField(max_length=40)
    at = models.DateTimeField()

    @override
    def __str__(self) -> str:
        return f"suppression {self.pk}"


class Erasure(models.Model):
    """A person was erased; their bytes leave the file when `erase.finish` has run."""

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="erasures")
    asked_at = models.DateTimeField()
    #: No byte is left in the data folder since then; earlier backups keep theirs.
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["asked_at"],
                condition=models.Q(finished_at=None),
                name="erasure_open",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"erasure of contact {self.contact_id}"
