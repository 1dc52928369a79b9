"""The small parts of every page: icons, marks, faces, numbers and times."""

from datetime import date, datetime

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, pgettext_lazy

from menting.base import clock
from menting.console import reasons, times
from menting.people.models import ANY_PURPOSE
from menting.people.wordings import NEWS

register = template.Library()

#: channel -> its name, for those that a capital letter alone does not make.
_CHANNELS = {
    "mail": gettext_lazy("Mail"),
    "qq": gettext_lazy("QQ bot"),
    "wecom": gettext_lazy("WeCom"),
    "xmpp": "XMPP",
}

#: Other purposes are called what the operator who wrote the campaign called them.
_PURPOSES = {
    NEWS: pgettext_lazy("purpose", "News"),
    ANY_PURPOSE: gettext_lazy("every purpose"),
}

#: state -> mark: the seven shapes say every state of accounts, deliveries and consents.
MARKS = {
    "online": "full",
    "connecting": "half",
    "backoff": "open",
    "needs_auth": "need",
    "banned": "cross",
    "offline": "dash",
    "accepted": "full",
    "dispatching": "half",
    "claimed": "half",
    "unknown": "hatch",
    "rejected": "cross",
    "skipped": "dash",
    "ready": "open",
    "planned": "open",
    "draft": "dash",
    "running": "half",
    "paused": "open",
    "done": "full",
    "granted": "full",
    "withdrawn": "cross",
    "signal": "cross",
    "pending": "need",
    "approved": "full",
    "refused": "cross",
}


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw an icon of the sprite; the word beside it says what it means."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#i-{}"></use></svg>',
        f" icon-{size}" if size else "",
        static("icons.svg"),
        name,
    )


@register.simple_tag
def court() -> SafeString:
    """Draw the empty court that stands above an empty list."""
    return format_html(
        '<svg class="court" aria-hidden="true"><use href="{}#court"></use></svg>',
        static("icons.svg"),
    )


@register.simple_tag
def mark(shape: str) -> SafeString:
    """Draw one of the seven marks; always beside a word."""
    return format_html('<i class="mark mark-{}" aria-hidden="true"></i>', shape)


@register.simple_tag
def state(value: str, word: str) -> SafeString:
    """Draw a state's mark and say its word."""
    return format_html(
        '<span class="state">{}{}</span>', mark(MARKS.get(value, "dash")), word
    )


@register.simple_tag
def face(name: str, key: int, size: str = "") -> SafeString:
    """Draw a person's round face from the first letter, tinted by id."""
    return format_html(
        '<span class="face{} t{}" aria-hidden="true">{}</span>',
        f" face-{size}" if size else "",
        key % 6 + 1,
        _initial(name),
    )


@register.simple_tag
def tile(size: str = "sm") -> SafeString:
    """Draw the roof-tile end that stands for a visitor without a name."""
    return format_html(
        '<span class="face tile face-{}" aria-hidden="true">'
        '<svg viewBox="0 0 36 36"><use href="{}#tile"></use></svg></span>',
        size,
        static("icons.svg"),
    )


@register.simple_tag
def acct(channel: str) -> SafeString:
    """Draw an account's square face: the letter and tint of its channel."""
    tint = sum(channel.encode()) % 6 + 1
    return format_html(
        '<span class="acct t{}" aria-hidden="true">{}</span>', tint, _initial(channel)
    )


@register.filter
def channel(name: str) -> str:
    """Say which platform a channel's name stands for."""
    return str(_CHANNELS.get(name, name.capitalize()))


@register.filter
def language(code: str) -> str:
    """Say which language a code stands for."""
    return str(dict(settings.LANGUAGES).get(code.lower(), code))


@register.filter
def purpose(name: str) -> str:
    """Say what a purpose is called."""
    return str(_PURPOSES.get(name, name))


@register.filter
def reason(kept: str) -> str:
    """Say a kept reason in the page's language."""
    return reasons.word(kept)


@register.filter
def count(value: int | None) -> str:
    """Write a number with commas between thousands, as both languages do here."""
    return "0" if value is None else f"{value:,}"


@register.filter
def share(value: int, whole: int) -> str:
    """Write a part of a whole in per cent with one decimal."""
    return f"{100 * value / whole:.1f}%" if whole else "0%"


@register.filter
def when(at: datetime | None) -> SafeString | str:
    """Say a time as near as it is, exact in its title."""
    return _timed(at, times.short(at)) if at else ""


@register.filter
def hour(at: datetime) -> SafeString:
    """Say the hour and minute of a time whose day is said above it."""
    return _timed(at, f"{timezone.localtime(at):%H:%M}")


@register.filter
def since(at: datetime | None) -> SafeString | str:
    """Say how long ago a time was."""
    return _timed(at, times.length(clock.now() - at)) if at else ""


@register.filter
def long_day(day: date) -> str:
    """Say a day in full, as the head of a list."""
    return times.long_day(day)


def _timed(at: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), times.exact(at), words
    )


def _initial(name: str) -> str:
    return name.lstrip("@+#!. ")[:1].upper() or "·"
