"""A space and what stands in it; visits themselves lie in the visit store, as integers."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from menting.accounts.models import Account
from menting.people.models import Contact
from menting.users.models import User

SLUG = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"


class Space(models.Model):
    """A public place under the owner's own name."""

    slug = models.CharField(
        max_length=40, unique=True, validators=[RegexValidator(f"^{SLUG}$")]
    )
    name = models.CharField(_("name"), max_length=120)
    about = models.CharField(_("about"), max_length=500, blank=True)
    language = models.CharField(_("language"), max_length=16, default="zh-hans")
    #: Days are counted in this zone; fixed at creation, or old days would move.
    time_zone = models.CharField(_("time zone"), max_length=64)
    #: Origins (scheme://host[:port]) of further own pages whose control was proven.
    origins = models.JSONField(default=list)
    #: Bumped in the transaction of whatever changes what is shown.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    @override
    def __str__(self) -> str:
        return self.name


class Post(models.Model):
    """A text of the owner's in a space."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="posts")
    slug = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    markdown = models.TextField()
    #: Made from the Markdown and sanitised when it was written.
    html = models.TextField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "slug"], name="post_once")]
        indexes = [models.Index(fields=["space", "-published_at"], name="post_latest")]

    @override
    def __str__(self) -> str:
        return self.title


class Invitation(models.Model):
    """The owner's word that somebody may sign the guestbook without waiting."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="invitations")
    code = models.CharField(max_length=24, unique=True)
    #: Whom the owner meant; shown on the guestbook page only to the owner.
    note = models.CharField(max_length=120, blank=True)
    issued_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    @override
    def __str__(self) -> str:
        return f"invitation {self.pk}"


class GuestbookEntry(models.Model):
    """What somebody wrote into the guestbook."""

    class State(models.TextChoices):
        PENDING = "pending", _("Awaits approval")
        APPROVED = "approved", _("Shown")
        REFUSED = "refused", _("Not shown")

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="entries")
    name = models.CharField(max_length=80)
    text = models.TextField(max_length=2000)
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True)
    #: An entry of one of the house's own accounts: only where an Invitation exists.
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True)
    invitation = models.ForeignKey(Invitation, on_delete=models.PROTECT, null=True)
    at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    #: Which rule decided, so that the owner can judge it and undo it.
    reason = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account__isnull=True)
                | models.Q(invitation__isnull=False),
                name="no_own_entry_without_invitation",
            ),
        ]
        indexes = [models.Index(fields=["space", "state", "-at"], name="entry_latest")]

    @override
    def __str__(self) -> str:
        return f"entry {self.pk}"


class Throttle(models.Model):
    """How soon a network may sign a guestbook again; forgotten once that time is over."""

    #: A keyed hash of space and network: the address itself is kept nowhere.
    key = models.BinaryField(max_length=32, unique=True)
    #: The theoretical arrival time of `base.pace`, in microseconds since 1970.
    tat = models.BigIntegerField(default=0, db_index=True)

    @override
    def __str__(self) -> str:
        return f"throttle {self.pk}"


class Link(models.Model):
    """A landing link `/l/CODE`: its visit is recorded, then it goes on to `url`."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="links")
    code = models.CharField(max_length=16, unique=True)
    url = models.URLField(max_length=500)
    label = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()

    @override
    def __str__(self) -> str:
        return self.label or self.code


class Visitor(models.Model):
    """A signed-in person who agreed to be named in a space's log."""

    space = models.ForeignKey(Space, on_delete=models.CASCADE, related_name="visitors")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="visitors")
    #: What the visit store knows of them: a random 63-bit integer, and nothing else.
    who = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=80)
    wording_version = models.PositiveIntegerField()
    agreed_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["space", "user"],
                condition=models.Q(withdrawn_at=None),
                name="visitor_once",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name
