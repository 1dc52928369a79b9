"""A landing link is made, and followed."""

from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext

from menting.base import clock, ids
from menting.spaces.models import Link, Space
from menting.users import audit, guard
from menting.users.guard import Actor

URL_LENGTH = 500
LABEL_LENGTH = 80
#: 10 of 31 characters: nobody finds a link by trying (2^49).
CODE_LENGTH = 10


class BadLinkError(Exception):
    """A link cannot lead there; the message says why."""


@transaction.atomic
def make(actor: Actor, space: Space, *, url: str, label: str = "") -> Link:
    """Make a link `/l/CODE` that leads to `url`. Raises BadLinkError."""
    guard.check(actor, "spaces.write")
    link = Link.objects.create(
        space=space,
        code=ids.code(CODE_LENGTH),
        url=_checked(url),
        label=label.strip()[:LABEL_LENGTH],
        created_at=clock.now(),
    )
    audit.record(actor, "link.make", target=f"link:{link.pk}", detail={"space": space.pk})
    return link


def follow(code: str) -> Link | None:
    """Return the link with this code and its space, or None; nothing is written here."""
    return Link.objects.select_related("space").filter(code=code).first()


def _checked(url: str) -> str:
    url = url.strip()
    if len(url) > URL_LENGTH:
        told = gettext("an address has at most %(most)d characters")
        raise BadLinkError(told % {"most": URL_LENGTH})
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or not url.isprintable() or " " in url:
        told = gettext("“%(url)s” is no web address: give https://…")
        raise BadLinkError(told % {"url": url})
    return url
