"""One-time sign-in links: how the first owner comes in, and a locked-out one returns."""

import hashlib
import secrets
from datetime import timedelta

from django.db import models, transaction

from menting.base import clock
from menting.users import audit
from menting.users.guard import Actor
from menting.users.models import Role, SigninLink, User

LIFE = timedelta(hours=24)


class SpentLinkError(Exception):
    """The link was used, has expired or never existed."""


@transaction.atomic
def make_owner(actor: Actor, *, email: str) -> User:
    """Return the owner with this address, made if there is none."""
    user = User.objects.filter(email=email.lower()).first() or User.objects.create_user(
        email
    )
    if user.role != Role.OWNER:
        user.role = Role.OWNER
        user.save(update_fields=["role"])
        audit.record(actor, "user.owner", target=f"user:{user.pk}")
    return user


@transaction.atomic
def make(actor: Actor, user: User) -> str:
    """Return the path of a new link of 190 random bits; earlier unused ones end."""
    code = secrets.token_urlsafe(24)
    SigninLink.objects.filter(user=user, used_at=None).delete()
    SigninLink.objects.create(
        user=user, code_hash=_hash(code), expires_at=clock.now() + LIFE
    )
    audit.record(actor, "user.link", target=f"user:{user.pk}")
    return f"/accounts/link/{code}/"


def is_good(code: str) -> bool:
    """Say whether the link may still be used, without using it."""
    return _open_links(code).exists()


@transaction.atomic
def spend(code: str) -> User:
    """Return the link's user and end the link. Raises SpentLinkError."""
    now = clock.now()
    link = _open_links(code).select_related("user").first()
    if link is None or not _open_links(code).update(used_at=now):
        raise SpentLinkError("this link was used or has expired: print a new one")
    return link.user


def _open_links(code: str) -> models.QuerySet[SigninLink]:
    return SigninLink.objects.filter(
        code_hash=_hash(code),
        used_at=None,
        expires_at__gt=clock.now(),
        user__is_active=True,
    )


def _hash(code: str) -> bytes:
    # 190 random bits need no slow hash (ASVS 5.0, 6.5.2).
    return hashlib.sha256(code.encode()).digest()
