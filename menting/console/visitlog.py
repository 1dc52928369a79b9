"""The log of visits as people read it: by day, named or not, from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from babel import Locale
from django.utils.translation import get_language, gettext, pgettext_lazy

from menting.console.places import Place
from menting.console.visitbook import NONE, Count
from menting.spaces import visitors
from menting.visits.read import Seen

#: Names for a day: the ten stems in Chinese, letters elsewhere.
_LETTERS = pgettext_lazy("nameless visitors", "ABCDEFGHIJ")
_DEVICES = {
    "phone": pgettext_lazy("device", "phone"),
    "mobile": pgettext_lazy("device", "phone"),
    "tablet": pgettext_lazy("device", "tablet"),
    "desktop": pgettext_lazy("device", "computer"),
    "pc": pgettext_lazy("device", "computer"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One visit: who came, to what, from where; `key` tints the face of a named one."""

    seen: Seen
    who: str
    is_named: bool
    key: int
    page: str
    origin: str


@dataclass(frozen=True, slots=True)
class LogDay:
    """The visits of one day that a page shows, and the day's own sums."""

    day: date
    total: Count
    lines: list[Line]


def by_day(seen: Sequence[Seen], place: Place, days: Mapping[date, Count]) -> list[LogDay]:
    """Arrange visits, latest first, under their days in the place's zone."""
    names = visitors.names([one.who for one in seen if one.who])
    grouped = groupby(seen, key=lambda one: one.at.astimezone(place.zone).date())
    return [
        LogDay(day, days.get(day, NONE), _lines(list(group), names))
        for day, group in grouped
    ]


def _lines(seen: Sequence[Seen], names: Mapping[int, str]) -> list[Line]:
    letters: dict[str, str] = {}
    lines = []
    for one in seen:
        name = names.get(one.who, "")
        lines.append(
            Line(
                seen=one,
                who=name or _nameless(one, letters),
                is_named=bool(name),
                key=one.who % 6,
                page=page_word(one.path),
                origin=_origin(one),
            )
        )
    return lines


def page_word(path: str) -> str:
    """Return a page's path as people read it."""
    return gettext("First page") if path in ("", "/") else path


def country_word(code: str) -> str:
    """Return a country's name (CLDR) in the page's language; an unknown code as it is."""
    names = Locale.parse(get_language() or "en", sep="-").territories
    return str(names.get(code, code))


def _nameless(seen: Seen, letters: dict[str, str]) -> str:
    """Return the letter of a nameless visitor, theirs for this day of this page alone."""
    if seen.who:
        return gettext("By name, withdrawn")
    if not seen.anonymous_id:
        return gettext("Counted only")
    number = len(letters)
    letter = letters.setdefault(
        seen.anonymous_id, str(_LETTERS)[number % 10] + "′" * (number // 10)
    )
    return gettext("Nameless, %(letter)s") % {"letter": letter}


def _origin(seen: Seen) -> str:
    came = (
        gettext("from %(host)s") % {"host": seen.referrer}
        if seen.referrer
        else gettext("opened directly")
    )
    told = (came, country_word(seen.country), str(_DEVICES.get(seen.device, seen.device)))
    return gettext(", ").join(word for word in told if word)
