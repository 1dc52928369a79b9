"""The sums of visits: numbers, what they compare to, and drawings that repeat them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from menting.console import charts, times, visitbook, visitlog
from menting.console.places import Place
from menting.console.visitbook import NONE, Count
from menting.spaces import visitors

#: How many years the calendar shows before the rest is asked for.
YEARS = 12
Days = Mapping[date, Count]


@dataclass(frozen=True, slots=True)
class Stat:
    """One number with the words before and after it."""

    label: str
    count: int
    beside: str


@dataclass(frozen=True, slots=True)
class Year:
    """One year: its sum and its drawing."""

    year: int
    count: int
    drawing: SafeString


@dataclass(frozen=True, slots=True)
class Calendar:
    """The years in two columns, the printed steps, and how many years lie before them."""

    columns: list[list[Year]]
    steps: list[tuple[str, str]]
    months: list[str]
    first_year: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Months:
    """The months' drawing, its scale, and in words what is highest in it."""

    svg: SafeString
    scale: list[int]
    years: list[int]
    told: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a ranked list."""

    word: str
    count: int
    bar: SafeString


@dataclass(frozen=True, slots=True)
class Top:
    """A ranked list and its name."""

    name: str
    period: str
    lines: list[Ranked]


@dataclass(frozen=True, slots=True)
class NamedVisitor:
    """Somebody who agreed to be named, and how often they came."""

    who: int
    name: str
    key: int
    count: int


def stats(place: Place, days: Days) -> list[Stat]:
    """Return the visits of today, this month, this year and ever, and of daily visitors."""
    now = place.today
    month, year = _month(days, now.year, now.month), _year(days, now.year)
    last_week = days.get(now - timedelta(days=7), NONE).visits
    return [
        Stat(gettext("Today"), days.get(now, NONE).visits, _week_ago(last_week)),
        Stat(
            times.month_name(now.month),
            month,
            gettext("%(n)s in the whole of %(month)s %(year)d")
            % {
                "n": f"{_month(days, now.year - 1, now.month):,}",
                "month": times.month_name(now.month),
                "year": now.year - 1,
            },
        ),
        Stat(
            gettext("Year %(year)d") % {"year": now.year},
            year,
            gettext("%(n)s in the whole year before")
            % {"n": f"{_year(days, now.year - 1):,}"},
        ),
        Stat(
            gettext("Ever"),
            sum(count.visits for count in days.values()),
            gettext("by name %(n)s")
            % {"n": f"{sum(count.named for count in days.values()):,}"},
        ),
        Stat(
            gettext("Sum of daily visitors, %(month)s")
            % {"month": times.month_name(now.month)},
            sum(count.visitors for day, count in days.items() if _ym(day) == _ym(now)),
            gettext("who comes on two days counts twice"),
        ),
    ]


def calendar(place: Place, days: Days, *, whole: bool = False) -> Calendar:
    """Draw the latest twelve years, or all, on steps fixed by the fullest day of all."""
    now = place.today
    first = min(days, default=now).year
    shown = list(range(now.year, first - 1, -1))[: None if whole else YEARS]
    steps = charts.steps_for(max((count.visits for count in days.values()), default=0))
    visits = {day: count.visits for day, count in days.items()}
    drawn = [
        Year(year, _year(days, year), charts.calendar(year, visits, steps=steps, until=now))
        for year in shown
    ]
    half = -(-len(drawn) // 2)
    return Calendar(
        columns=[column for column in (drawn[:half], drawn[half:]) if column],
        steps=_legend(steps),
        months=[times.month_name(month) for month in range(1, 13)],
        first_year=first,
        is_whole=shown[-1] == first if shown else True,
    )


def months(place: Place, days: Days) -> Months | None:
    """Draw the visits of each month since the first one; None before any."""
    if not days:
        return None
    now, first = place.today, min(days)
    sums: dict[tuple[int, int], int] = {}
    for day, count in days.items():
        sums[day.year, day.month] = sums.get((day.year, day.month), 0) + count.visits
    series = [
        charts.Month(
            year, month, sums.get((year, month), 0), is_running=(year, month) == _ym(now)
        )
        for year in range(first.year, now.year + 1)
        for month in range(1, 13)
    ]
    plot = charts.month_bars(series)
    best = max(series, key=lambda month: month.count)
    return Months(
        svg=plot.svg,
        scale=list(plot.scale),
        years=list(plot.below),
        told=gettext("most in %(month)s %(year)d: %(n)s; %(running)s is not over")
        % {
            "month": times.month_name(best.month),
            "year": best.year,
            "n": f"{best.count:,}",
            "running": times.month_name(now.month),
        },
    )


def tops(place: Place, *, year: int) -> list[Top]:
    """Return the pages, sources and countries of a year, the most visited first."""
    period = gettext("Year %(year)d") % {"year": year}
    return [
        Top(
            name,
            period,
            _ranked(visitbook.top(place.number, dimension, year=year), dimension),
        )
        for dimension, name in (
            ("path", gettext("Pages")),
            ("referrer", gettext("From")),
            ("country", gettext("Countries and regions")),
        )
    ]


def faces(place: Place) -> list[NamedVisitor]:
    """Return the named visitors who came most; whoever withdrew the name is not told."""
    found = visitbook.faces(place.number)
    names = visitors.names([who for who, _ in found])
    named = [NamedVisitor(who, names[who], who % 6, n) for who, n in found if who in names]
    return named[:5]


def _ym(day: date) -> tuple[int, int]:
    return day.year, day.month


def _month(days: Days, year: int, month: int) -> int:
    return sum(count.visits for day, count in days.items() if _ym(day) == (year, month))


def _year(days: Days, year: int) -> int:
    return sum(count.visits for day, count in days.items() if day.year == year)


def _week_ago(n: int) -> str:
    return gettext("%(n)s on this weekday a week ago") % {"n": f"{n:,}"}


def _legend(steps: tuple[int, int, int, int]) -> list[tuple[str, str]]:
    """Return the class and words of each step, none to most."""
    starts = (1, *steps)
    ends = [f"{start:,}–{end - 1:,}" for start, end in zip(starts, steps, strict=False)]
    last = gettext("%(n)s and more") % {"n": f"{steps[-1]:,}"}
    return [(f"d{number}", words) for number, words in enumerate(["0", *ends, last])]


def _ranked(found: list[tuple[str, int]], dimension: str) -> list[Ranked]:
    most = max((n for _, n in found), default=0)
    return [
        Ranked(_word(value, dimension), n, charts.thin(n, of=most)) for value, n in found
    ]


def _word(value: str, dimension: str) -> str:
    if dimension == "path":
        return visitlog.page_word(value)
    if not value:
        return (
            gettext("opened directly") if dimension == "referrer" else gettext("not known")
        )
    return visitlog.country_word(value) if dimension == "country" else value
