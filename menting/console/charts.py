"""Server-made SVG: calendars, bars and strips, drawn from numbers alone.

Every function returns markup that repeats figures already on the page as HTML; no word lies
inside a drawing that stretches, and no colour is named: classes of `tokens.css` only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

#: 2012 began on a Sunday and had 366 days: it touches 54 weeks, most years 53.
WEEKS = 54
_CELL = 8
#: Share of a bar, in per cent, that the smallest part still gets: else it is unseen.
_LEAST = 0.45
#: First steps of a calendar; the next three are twice, four and eight times as many.
_FIRST_STEPS = (
    2,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
)
_HATCH = "hatch"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a stacked bar: how many, and the class that fills it."""

    count: int
    fill: str


@dataclass(frozen=True, slots=True)
class Span:
    """Days without any record, both ends included."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        """Say whether the day lies in it."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Month:
    """The visits of one month; `is_running` while it is not over."""

    year: int
    month: int
    count: int
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with the words that stand beside it, largest first, and below it."""

    svg: SafeString
    scale: tuple[int, ...]
    below: tuple[int, ...] = ()


def steps_for(peak: int) -> tuple[int, int, int, int]:
    """Return where the second to fifth step of a calendar begin, by its fullest day."""
    first = max(
        (step for step in _FIRST_STEPS if step * 8 <= peak), default=_FIRST_STEPS[0]
    )
    return first, first * 2, first * 4, first * 8


def calendar(
    year: int,
    counts: Mapping[date, int],
    *,
    steps: Sequence[int],
    until: date,
    gaps: Sequence[Span] = (),
) -> SafeString:
    """Draw a year, a day a cell, a week a column, Monday on top; nothing after `until`."""
    cells: dict[str, list[str]] = {}
    before = date(year, 1, 1).weekday()
    for day in _days(year, until):
        column, row = divmod(before + day.timetuple().tm_yday - 1, 7)
        fill = (
            _HATCH
            if any(gap.holds(day) for gap in gaps)
            else _step(counts.get(day, 0), steps)
        )
        cells.setdefault(fill, []).append(f"M{column * _CELL} {row * _CELL}h7v7h-7z")
    paths = "".join(_path(fill, "".join(cells[fill])) for fill in sorted(cells))
    size = f"0 0 {WEEKS * _CELL} {7 * _CELL}"
    return mark_safe(  # noqa: S308  # numbers and our own class names only
        f'<svg class="chart" viewBox="{size}" aria-hidden="true">{paths}</svg>'
    )


def stacked(parts: Iterable[Part], *, of: int = 0, label: str = "") -> SafeString:
    """Draw parts of a whole side by side; `of` makes the bar a share of a longer one."""
    shown = [part for part in parts if part.count > 0]
    whole = max(of, sum(part.count for part in shown))
    edges, at = [], 0.0
    for part, width in zip(shown, _widths(shown, whole), strict=True):
        edges.append(
            f'<rect x="{at:.2f}%" width="{width:.2f}%" height="100%" {_filled(part.fill)}/>'
        )
        at += width
    bars = mark_safe("".join(edges))  # noqa: S308  # numbers and our own class names only
    bare = " bar-bare" if of else ""
    if not label:
        return format_html('<svg class="bar{}" aria-hidden="true">{}</svg>', bare, bars)
    return format_html(
        '<svg class="bar{}" role="img" aria-label="{}">{}</svg>', bare, label, bars
    )


def thin(count: int, *, of: int, fill: str = "f-jade") -> SafeString:
    """Draw the thin bar below a ranked line."""
    width = 100 * count / of if of else 0
    return mark_safe(  # noqa: S308  # numbers and our own class names only
        '<svg class="bar bar-thin" aria-hidden="true">'
        f'<rect width="{width:.2f}%" height="100%" class="{fill}"/></svg>'
    )


def month_bars(months: Sequence[Month]) -> Plot:
    """Draw consecutive months, and name the scale at the left and the years below."""
    top, lines = _scale(max((month.count for month in months), default=0))
    slot = 960 / max(len(months), 1)
    bars = [
        _bar(
            slot * index + slot * 0.1,
            width=slot * 0.8,
            height=160 * month.count / top,
            floor=160,
            is_running=month.is_running,
        )
        for index, month in enumerate(months)
    ]
    svg = _plot("plot-svg", "0 0 960 160", _rules(lines, 960, 160) + "".join(bars))
    years = tuple(dict.fromkeys(month.year for month in months))
    return Plot(
        svg=svg,
        scale=tuple(round(top * n / lines) for n in range(lines, -1, -1)),
        below=years,
    )


def hour_bars(today: Sequence[int], before: Sequence[int], *, hour: int) -> SafeString:
    """Draw today's hours up to the running one, with a tick for each of a week before."""
    top = max([*today, *before, 1])
    drawn = _rules(2, 480, 100)
    for at in range(24):
        if at <= hour and today[at]:
            drawn += _bar(
                at * 20 + 2,
                width=16,
                height=97 * today[at] / top,
                floor=100,
                is_running=at == hour,
            )
        drawn += _tick(at * 20 + 1, 100 - 97 * before[at] / top)
    return _plot("plot-svg plot-low", "0 0 480 100", drawn)


def day_strip(count: int, *, of: int, is_running: bool = False) -> SafeString:
    """Draw one year's bar of "on this day" in a strip shared with the other years."""
    height = 42 * count / of if of else 0.0
    bar = _bar(4, width=12, height=height, floor=44, is_running=is_running)
    return _plot("plot-svg plot-strip", "0 0 20 44", bar if count else "")


def _days(year: int, until: date) -> Iterable[date]:
    day, last = date(year, 1, 1), min(date(year, 12, 31), until)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _step(count: int, steps: Sequence[int]) -> str:
    if count <= 0:
        return "d0"
    return f"d{1 + sum(count >= start for start in steps)}"


def _path(fill: str, d: str) -> str:
    return f'<path {_filled(fill)} d="{d}"/>'


def _filled(fill: str) -> str:
    return 'fill="url(#hatch)"' if fill == _HATCH else f'class="{fill}"'


def _widths(parts: Sequence[Part], whole: int) -> list[float]:
    widths = [max(100 * part.count / whole, _LEAST) for part in parts]
    drawn = 100 * sum(part.count for part in parts) / whole if whole else 0.0
    if widths:
        # What the smallest were given is taken from the largest: the bar keeps its length.
        widest = widths.index(max(widths))
        widths[widest] = max(widths[widest] - (sum(widths) - drawn), _LEAST)
    return widths


def _scale(peak: int) -> tuple[int, int]:
    """Return the top of an axis and how many whole, round parts its rules make of it."""
    size = 1
    while True:
        for round_part in (size, 2 * size, 5 * size):
            lines = -(-peak // round_part)
            if lines <= 5:
                lines = max(lines, 1)
                return round_part * lines, lines
        size *= 10


def _rules(lines: int, width: int, height: int) -> str:
    drawn = [_rule("k-line", max(height * n / lines, 0.5), width) for n in range(lines)]
    return "".join(drawn) + _rule("k-edge", height - 0.5, width)


def _rule(pen: str, y: float, width: int) -> str:
    return f'<path class="{pen}" vector-effect="non-scaling-stroke" d="M0 {y:g}H{width}"/>'


def _tick(x: float, y: float) -> str:
    return f'<path class="k-ink" vector-effect="non-scaling-stroke" d="M{x:g} {y:.1f}h18"/>'


def _bar(x: float, *, width: float, height: float, floor: int, is_running: bool) -> str:
    if height <= 0:
        return ""
    tall = max(height, 0.7)
    fill = "f-jade2" if is_running else "f-jade"
    return (
        f'<rect x="{x:.1f}" y="{floor - tall:.1f}" width="{width:.1f}" height="{tall:.1f}" '
        f'class="{fill}"/>'
    )


def _plot(classes: str, box: str, drawn: str) -> SafeString:
    return mark_safe(  # noqa: S308  # numbers and our own class names only
        f'<svg class="{classes}" viewBox="{box}" preserveAspectRatio="none" '
        f'aria-hidden="true">{drawn}</svg>'
    )
