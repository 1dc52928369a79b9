"""What only public pages have: the owner's seal, faces, and times as near as they are."""

from datetime import datetime, timedelta

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from menting.spaces import seal as seals

register = template.Library()


@register.inclusion_tag("spaces/_seal.html")
def seal(name: str) -> dict[str, object]:
    """Cut the owner's seal from the first characters of the space's name."""
    return {"seal": seals.cut(name), "name": name}


@register.simple_tag
def face(name: str, key: int, size: str = "") -> SafeString:
    """Draw a person's round face from the first letter, tinted by id."""
    letter = next((sign for sign in name if sign.isalnum()), "·")
    return format_html(
        '<span class="face{} t{}" aria-hidden="true">{}</span>',
        f" face-{size}" if size else "",
        key % 6 + 1,
        letter.upper(),
    )


@register.filter
def day(at: datetime) -> SafeString:
    """Say the day of a time in full, exact in its title."""
    return _timed(at, _date(at, _("F j, Y")))


@register.filter
def when(at: datetime) -> SafeString:
    """Say a time as near as it is: today and yesterday by the hour, then by the day."""
    here, today = timezone.localtime(at), timezone.localdate()
    if here.date() == today:
        words = _("today %(hour)s") % {"hour": f"{here:%H:%M}"}
    elif here.date() == today - timedelta(days=1):
        words = _("yesterday %(hour)s") % {"hour": f"{here:%H:%M}"}
    elif here.year == today.year:
        words = _date(at, _("F j"))
    else:
        words = f"{here:%Y-%m-%d}"
    return _timed(at, words)


def _timed(at: datetime, words: str) -> SafeString:
    here = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        here.isoformat(timespec="seconds"),
        f"{here:%Y-%m-%d %H:%M:%S}",
        words,
    )


def _date(at: datetime, pattern: str) -> str:
    return formats.date_format(timezone.localtime(at), pattern)
