"""GCRA: never above the rate, whatever the times of asking."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from menting.base import pace
from menting.base.pace import Rate

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_a_burst_goes_at_once_and_then_one_an_interval() -> None:
    rate = Rate.per(1, timedelta(seconds=10), burst=3)
    assert pace.headroom(rate, 0, START, wanted=9) == 3
    tat = pace.debit(rate, 0, START, spent=3)
    assert pace.headroom(rate, tat, START, wanted=9) == 0
    assert pace.headroom(rate, tat, START + timedelta(seconds=10), wanted=9) == 1


def test_a_burst_of_one_can_be_claimed() -> None:
    rate = Rate.per(1, timedelta(seconds=1))
    assert pace.headroom(rate, 0, START, wanted=1) == 1


def test_no_interval_means_no_limit() -> None:
    assert pace.headroom(pace.UNLIMITED, 0, START, wanted=1000) == 1000


@given(
    waits=st.lists(st.integers(0, 5_000_000), min_size=1, max_size=60),
    per_minute=st.integers(1, 600),
    burst=st.integers(1, 20),
)
def test_no_window_of_a_minute_holds_more_than_burst_and_rate(
    waits: list[int], per_minute: int, burst: int
) -> None:
    rate = Rate.per(per_minute, timedelta(minutes=1), burst=burst)
    now, tat, sent = START, 0, list[datetime]()
    for wait in waits:
        now += timedelta(microseconds=wait)
        n = pace.headroom(rate, tat, now, wanted=7)
        tat = pace.debit(rate, tat, now, spent=n) if n else tat
        sent += [now] * n
    for at in sent:
        window = [other for other in sent if at <= other < at + timedelta(minutes=1)]
        assert len(window) <= per_minute + burst + 1
