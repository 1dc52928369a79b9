"""The drawings say what the numbers say."""

import itertools
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.console import charts
from menting.console.charts import Month, Part, Span

STEPS = (250, 500, 1000, 2000)


def cells(svg: str) -> dict[str, int]:
    """Count the cells of a calendar by what fills them."""
    found = re.findall(r'<path (?:class|fill)="([^"]+)" d="([^"]+)"', svg)
    return {fill: d.count("M") for fill, d in found}


def widths(svg: str) -> list[float]:
    return [float(width) for width in re.findall(r'width="([\d.]+)%"', svg)]


def test_a_year_that_is_over_has_a_cell_for_each_of_its_days() -> None:
    svg = charts.calendar(2012, {}, steps=STEPS, until=date(2026, 11, 24))
    assert cells(svg) == {"d0": 366}


def test_the_running_year_ends_today() -> None:
    svg = charts.calendar(2026, {}, steps=STEPS, until=date(2026, 1, 31))
    assert cells(svg) == {"d0": 31}


def test_a_year_to_come_is_empty() -> None:
    assert cells(charts.calendar(2027, {}, steps=STEPS, until=date(2026, 1, 31))) == {}


@pytest.mark.parametrize(
    ("count", "step"),
    [
        (0, "d0"),
        (1, "d1"),
        (249, "d1"),
        (250, "d2"),
        (999, "d3"),
        (1999, "d4"),
        (2000, "d5"),
    ],
)
def test_a_day_has_the_step_that_the_legend_prints(count: int, step: str) -> None:
    svg = charts.calendar(
        2026, {date(2026, 1, 1): count}, steps=STEPS, until=date(2026, 1, 1)
    )
    assert cells(svg) == {step: 1}


def test_a_gap_is_hatched_and_never_drawn_over() -> None:
    gap = Span(first=date(2019, 6, 2), last=date(2019, 6, 9))
    svg = charts.calendar(
        2019, {date(2019, 6, 3): 5000}, steps=STEPS, until=date(2026, 1, 1), gaps=[gap]
    )
    assert cells(svg) == {"d0": 357, "url(#hatch)": 8}


def test_monday_is_on_top_and_new_year_in_the_first_column() -> None:
    # 1 January 2018 was a Monday, 31 December a Monday in the 53rd week.
    svg = charts.calendar(
        2018,
        {date(2018, 1, 1): 1, date(2018, 1, 7): 1, date(2018, 12, 31): 1},
        steps=STEPS,
        until=date(2018, 12, 31),
    )
    d1 = re.search(r'class="d1" d="([^"]+)"', svg)
    assert d1 is not None
    assert d1[1] == "M0 0h7v7h-7zM0 48h7v7h-7zM416 0h7v7h-7z"


@given(st.integers(min_value=1970, max_value=2100))
def test_no_cell_lies_outside_the_drawing(year: int) -> None:
    svg = charts.calendar(year, {}, steps=STEPS, until=date(2101, 1, 1))
    columns = [int(x) for x in re.findall(r"M(\d+) \d+h7", svg)]
    assert max(columns) + 7 < charts.WEEKS * 8


@given(st.integers(min_value=0, max_value=10**7))
def test_steps_grow_and_the_fullest_day_reaches_the_last(
    peak: int,
) -> None:
    steps = charts.steps_for(peak)
    assert list(steps) == sorted(set(steps))
    assert steps[-1] <= max(peak, 16)


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=6))
def test_the_parts_of_a_bar_fill_it_and_none_is_unseen(counts: list[int]) -> None:
    drawn = widths(charts.stacked([Part(count, "f-jade") for count in counts]))
    assert len(drawn) == sum(count > 0 for count in counts)
    assert all(width >= 0.45 for width in drawn)
    if drawn:
        assert sum(drawn) == pytest.approx(100, abs=0.1)


def test_a_lane_is_as_long_as_its_share() -> None:
    assert widths(charts.stacked([Part(25, "f-jade"), Part(25, "f-line")], of=200)) == [
        12.5,
        12.5,
    ]


def test_a_label_of_a_bar_is_escaped() -> None:
    assert "&lt;b&gt;" in charts.stacked([Part(1, "f-jade")], label="<b>")


def test_months_stand_on_a_round_scale_that_begins_at_nothing() -> None:
    months = [Month(2025, n, n * 1000) for n in range(1, 13)]
    plot = charts.month_bars([*months, Month(2026, 1, 68_963, is_running=True)])
    assert plot.scale == (80_000, 60_000, 40_000, 20_000, 0)
    assert plot.below == (2025, 2026)
    assert plot.svg.count("<rect") == 13
    assert plot.svg.count("f-jade2") == 1


@given(st.integers(min_value=0, max_value=10**9))
def test_the_scale_holds_its_highest_bar_in_whole_rules(peak: int) -> None:
    scale = charts.month_bars([Month(2026, 1, peak)]).scale
    assert scale[0] >= peak
    assert scale[-1] == 0
    assert len(scale) <= 6
    assert len({high - low for high, low in itertools.pairwise(scale)}) == 1


def test_no_bar_is_drawn_for_hours_to_come_but_every_tick_is() -> None:
    svg = charts.hour_bars([9] * 24, [3] * 24, hour=10)
    assert svg.count("<rect") == 11
    assert svg.count("f-jade2") == 1
    assert svg.count("h18") == 24


def test_the_day_of_a_year_is_drawn_against_the_highest() -> None:
    assert 'height="42.0"' in charts.day_strip(10, of=10)
    assert 'height="21.0"' in charts.day_strip(5, of=10, is_running=True)
    assert "<rect" not in charts.day_strip(0, of=10)


def test_no_drawing_carries_a_style_or_a_script() -> None:
    drawn = [
        charts.hour_bars([1] * 24, [1] * 24, hour=3),
        charts.thin(1, of=3),
        charts.day_strip(1, of=3),
        charts.month_bars([Month(2026, 1, 3)]).svg,
        charts.calendar(2020, {}, steps=STEPS, until=date(2021, 1, 1)),
    ]
    assert not any(word in svg for svg in drawn for word in ("style", "script", "data:"))
