"""Operators and visitors, the house, sign-in links, API tokens and the audit log."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class Role(models.TextChoices):
    """What an operator may do; `guard` holds the table. A visitor has none."""

    OWNER = "owner", _("Owner")  # everything, also the house and its users
    MANAGER = "manager", _("Manager")  # accounts, people, campaigns, visits, spaces
    NONE = "", _("Visitor")  # signs in to spaces only


class Theme(models.TextChoices):
    """Which look an operator chose."""

    SYSTEM = "", _("As the system says")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class UserManager(BaseUserManager["User"]):
    """Make users by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password only links, codes and passkeys sign in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in: an operator by role, or a visitor of a space."""

    #: Null for a visitor who signed in with an account elsewhere.
    email = models.EmailField(_("e-mail address"), unique=True, null=True)  # noqa: DJ001
    name = models.CharField(_("name"), max_length=120, blank=True)
    role = models.CharField(
        _("role"), max_length=16, choices=Role, default=Role.NONE, blank=True
    )
    language = models.CharField(_("language"), max_length=16, default="zh-hans")
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    theme = models.CharField(
        _("look"), max_length=8, choices=Theme, default=Theme.SYSTEM, blank=True
    )
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role="") | models.Q(email__isnull=False),
                name="operator_has_email",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name or self.email or f"#{self.pk}"

    @property
    def is_operator(self) -> bool:
        """Say whether this user works the front desk."""
        return self.role != Role.NONE

    @property
    def is_staff(self) -> bool:
        """Say whether Django's own admin may let this user in: owners only."""
        return self.role == Role.OWNER


class House(models.Model):
    """The one sender behind this installation; without name and contact nothing is sent."""

    legal_name = models.CharField(_("legal name"), max_length=200, blank=True)
    contact = models.CharField(_("contact"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=16, default="zh-hans")
    #: Days of all spaces together are counted in this zone.
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    #: Written anew at each start, here and in a file: they differ after a restore.
    epoch = models.CharField(max_length=32, blank=True)
    #: Tells the folder's `house.key` from another: each machine must have the same.
    key_mark = models.CharField(max_length=32, blank=True)
    #: A restore was found; nothing goes out until the owner says go on.
    held_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_house")]

    @override
    def __str__(self) -> str:
        return self.legal_name or "?"


class SigninLink(models.Model):
    """A one-time sign-in link; only the hash of its code is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signin_links")
    code_hash = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    @override
    def __str__(self) -> str:
        return f"link of user {self.user_id}"


class Token(models.Model):
    """A key to the API, with the rights of who made it at most; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    #: Stands in the audit log, so it is given once and never again.
    name = models.CharField(max_length=60, unique=True)
    #: The first characters, by which people tell tokens apart.
    prefix = models.CharField(max_length=16)
    hash = models.BinaryField(max_length=32, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    #: Written once a minute at most.
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    #: GCRA: the theoretical arrival time in microseconds.
    tat = models.BigIntegerField(default=0)

    @override
    def __str__(self) -> str:
        return self.name


class KeptAnswer(models.Model):
    """What a call with an Idempotency-Key was answered; for one who asks again."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="answers")
    key = models.CharField(max_length=255)
    #: A keyed hash of method, address and body: the body may hold secrets.
    request_hash = models.BinaryField(max_length=32)
    #: Rises when a call takes over from one that died.
    fence = models.PositiveIntegerField(default=1)
    claimed_at = models.DateTimeField()
    #: None while the call runs.
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "key"], name="answer_once"),
        ]
        indexes = [models.Index(fields=["claimed_at"], name="answer_age")]

    @override
    def __str__(self) -> str:
        return f"answer {self.pk} of token {self.token_id}"


class AuditEntry(models.Model):
    """One act of an operator; append-only, each entry holds the hash of the one before."""

    at = models.DateTimeField()
    #: "user:7", "token:accounting", "cli:root", "system"
    actor = models.CharField(max_length=80)
    act = models.CharField(max_length=60)
    target = models.CharField(max_length=80, blank=True)
    #: Ids and counts only: no name, address or text, so that an erasure need not come here.
    detail = models.JSONField(default=dict)
    hash = models.BinaryField(max_length=32)

    class Meta:
        indexes = [
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            models.Index(fields=["target", "-id"], name="audit_target"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.actor} {self.act} {self.target}"
