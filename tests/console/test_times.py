"""A time is said as near as it is, in the reader's zone and language."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone, translation

from menting.console import times

#: Tuesday, 10:42 in Shanghai.
NOW = datetime(2026, 11, 24, 2, 42, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here_and_now() -> Iterator[None]:
    with (
        time_machine.travel(NOW, tick=False),
        timezone.override(ZoneInfo("Asia/Shanghai")),
        translation.override("en"),
    ):
        yield


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 11, 24), "today"),
        (date(2026, 11, 23), "yesterday"),
        (date(2026, 11, 22), "Sun"),
        (date(2026, 11, 18), "Wed"),
        (date(2026, 11, 17), "17 Nov"),
        (date(2025, 11, 24), "2025-11-24"),
        (date(2026, 11, 25), "25 Nov"),
    ],
)
def test_a_day_is_said_by_its_distance(day: date, said: str) -> None:
    assert times.short_day(day) == said


def test_the_hour_is_said_while_it_matters() -> None:
    assert times.short(NOW) == "today 10:42"
    assert times.short(NOW - timedelta(days=1)) == "yesterday 10:42"
    assert times.short(NOW - timedelta(days=2)) == "Sun"


def test_the_day_is_the_readers_day() -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # 00:30 of the 24th in Shanghai
    assert times.short(late) == "today 00:30"
    with timezone.override(ZoneInfo("Europe/Paris")):
        assert times.short(late) == "yesterday 17:30"


def test_the_head_of_a_list_says_the_day_in_full() -> None:
    assert times.long_day(date(2026, 11, 24)) == "today, Tue 24 Nov"
    assert times.long_day(date(2026, 3, 2)) == "Mon 2 Mar"
    assert times.long_day(date(2011, 3, 2)) == "Wed 2011-03-02"


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=-5), "under 1 minute"),
        (timedelta(seconds=59), "under 1 minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47), "1 day"),
        (timedelta(days=9), "9 days"),
    ],
)
def test_a_wait_is_said_in_its_largest_unit(span: timedelta, said: str) -> None:
    assert times.length(span) == said
