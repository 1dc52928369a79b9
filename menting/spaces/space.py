"""A space is opened, and what is said of it changes; its slug and its time zone do not."""

import re
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext

from menting.base import clock
from menting.spaces.models import SLUG, Space
from menting.users import audit, guard
from menting.users.guard import Actor

NAME_LENGTH = 120
ABOUT_LENGTH = 500


class BadSpaceError(Exception):
    """A space cannot be as it was asked for; the message says what to change."""


@transaction.atomic
def create(
    actor: Actor,
    *,
    slug: str,
    name: str,
    time_zone: str,
    about: str = "",
    language: str = "zh-hans",
) -> Space:
    """Open a space; its days are counted in `time_zone` for ever.

    Raises BadSpaceError for a slug, name, zone or language that cannot be.
    """
    guard.check(actor, "spaces.write")
    _check_slug(slug)
    _check_words(name, about)
    _check_zone(time_zone)
    _check_language(language)
    space = Space.objects.create(
        slug=slug,
        name=name.strip(),
        about=about.strip(),
        language=language,
        time_zone=time_zone,
        created_at=clock.now(),
    )
    audit.record(actor, "space.create", target=f"space:{space.pk}")
    return space


@transaction.atomic
def describe(actor: Actor, space: Space, *, name: str, about: str) -> None:
    """Change what stands at the head of a space. Raises BadSpaceError."""
    guard.check(actor, "spaces.write")
    _check_words(name, about)
    space.name, space.about = name.strip(), about.strip()
    space.save(update_fields=["name", "about"])
    changed(space.pk)
    audit.record(actor, "space.describe", target=f"space:{space.pk}")


@transaction.atomic
def add_origin(actor: Actor, space: Space, origin: str) -> None:
    """Record visits of another own site too; the caller has proven that it is (`origins`).

    Raises BadSpaceError for anything but scheme://host[:port].
    """
    guard.check(actor, "spaces.write")
    space.origins = sorted({*space.origins, check_origin(origin)})
    space.save(update_fields=["origins"])
    audit.record(actor, "space.origin", target=f"space:{space.pk}")


def changed(space_id: int) -> None:
    """Say, in the caller's transaction, that the space shows something else from now on."""
    Space.objects.filter(pk=space_id).update(version=F("version") + 1)


def check_origin(text: str) -> str:
    """Return the origin as browsers send it (RFC 6454, 6.2). Raises BadSpaceError."""
    parts = urlsplit(text.strip().lower().rstrip("/"))
    is_bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare:
        told = gettext("“%(text)s” is no origin: give https://HOST, without a path")
        raise BadSpaceError(told % {"text": text})
    return f"{parts.scheme}://{parts.netloc}"


def _check_slug(slug: str) -> None:
    if not re.fullmatch(SLUG, slug):
        told = gettext(
            "“%(slug)s” cannot be an address: use 1 to 40 small letters, figures and "
            "hyphens, with a letter or figure at both ends"
        )
        raise BadSpaceError(told % {"slug": slug})
    if Space.objects.filter(slug=slug).exists():
        told = gettext("there is a space “%(slug)s” already: choose another")
        raise BadSpaceError(told % {"slug": slug})


def _check_words(name: str, about: str) -> None:
    if not name.strip() or len(name) > NAME_LENGTH:
        told = gettext("a space's name has 1 to %(most)d characters")
        raise BadSpaceError(told % {"most": NAME_LENGTH})
    if len(about) > ABOUT_LENGTH:
        told = gettext("what is said of a space has at most %(most)d characters")
        raise BadSpaceError(told % {"most": ABOUT_LENGTH})


def _check_zone(time_zone: str) -> None:
    if time_zone not in available_timezones():
        told = gettext("there is no time zone “%(zone)s”: use a name like Asia/Shanghai")
        raise BadSpaceError(told % {"zone": time_zone})


def _check_language(language: str) -> None:
    known = [code for code, _ in settings.LANGUAGES]
    if language not in known:
        told = gettext("the language “%(language)s” is not one of %(known)s")
        raise BadSpaceError(told % {"language": language, "known": ", ".join(known)})
