"""Today's visits of all spaces together, hour by hour, and today's date in other years."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from menting.base import clock
from menting.console import charts, places, times, visitbook
from menting.console.visitbook import NONE
from menting.console.visitsums import Days


@dataclass(frozen=True, slots=True)
class Today:
    """Today's visits against the same weekday a week before."""

    told: str
    count: int
    time: str
    compared: str
    bars: SafeString
    marks: list[str]


@dataclass(frozen=True, slots=True)
class SameDay:
    """Today's date in one year."""

    year: int
    count: int
    strip: SafeString


def today() -> Today:
    """Return today's hours of all spaces together, and those of a week before."""
    place = places.find("")
    now = clock.now().astimezone(place.zone)
    hours = visitbook.hours(place, place.today)
    before = visitbook.hours(place, place.today - timedelta(days=7))
    until = sum(before[: now.hour]) + before[now.hour] * now.minute // 60
    return Today(
        told=f"{times.long_day(place.today)} {now:%H:%M}",
        count=sum(hours),
        time=f"{now:%H:%M}",
        compared=_compared(sum(hours), until),
        bars=charts.hour_bars(hours, before, hour=now.hour),
        marks=[gettext("%(hour)d h") % {"hour": hour} for hour in (0, 6, 12, 18)],
    )


def on_this_day() -> list[SameDay]:
    """Return today's date in each of sixteen years; empty when none had a visit."""
    place = places.find("")
    days = visitbook.days(place.number)
    now = place.today
    first = max(min(days, default=now).year, now.year - 15)
    same = {year: _on(days, now, year) for year in range(first, now.year + 1)}
    most = max(same.values())
    return [
        SameDay(year, n, charts.day_strip(n, of=most, is_running=year == now.year))
        for year, n in same.items()
        if most
    ]


def _on(days: Days, now: date, year: int) -> int:
    try:
        return days.get(now.replace(year=year), NONE).visits
    except ValueError:  # 29 February in a year without one
        return 0


def _compared(n: int, before: int) -> str:
    told = gettext("%(n)s until this time a week ago") % {"n": f"{before:,}"}
    if not before:
        return told
    change = round(100 * (n - before) / before)
    if change > 0:
        return gettext("%(told)s, %(change)d%% more now") % {"told": told, "change": change}
    if change < 0:
        return gettext("%(told)s, %(change)d%% fewer now") % {
            "told": told,
            "change": -change,
        }
    return told
