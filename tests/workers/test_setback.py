"""What follows a lost session: waits that spread, and rests of what flaps."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from menting.accounts.state import Past
from menting.base import clock
from menting.workers.setback import FLAPS, Host, Lived, Setback, wait_seconds

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    return clock.now()


def _flap(host: Host, account: int, at: datetime, past: Past, times: int) -> list[Setback]:
    told = []
    for number in range(times):
        told.append(host.judge(account, Lived(at + number * MINUTE, 5.0), past))
        past = told[-1].past
    return told


@pytest.mark.parametrize("failures", [1, 2, 5, 6, 7, 1000])
def test_the_wait_is_full_jitter_between_one_and_sixty_seconds(failures: int) -> None:
    waits = [wait_seconds(failures) for _ in range(500)]
    assert min(waits) >= 1
    assert max(waits) <= min(60, 2**failures)
    assert max(waits) - min(waits) > (min(60, 2**failures) - 1) / 2


def test_an_account_that_flaps_rests_and_each_time_twice_as_long(now: datetime) -> None:
    told = _flap(Host(), 7, now, Past(), FLAPS * 6)
    rests = [one.wait / 3600 for one in told if one.rests]
    assert rests == [0.25, 0.5, 1, 2, 4, 6]
    assert [one.rests for one in told[:FLAPS]] == [False] * (FLAPS - 1) + [True]
    assert max(one.wait for one in told if not one.rests) <= 60


def test_ends_that_lie_far_apart_and_failed_sign_ins_are_no_flaps(now: datetime) -> None:
    host, past = Host(), Past()
    for number in range(12):
        at = now + number * 4 * MINUTE
        told = host.judge(7, Lived(at, 5.0), past)
        failed = host.judge(7, Lived(at + MINUTE, None), told.past)
        assert not told.rests
        assert not failed.rests
        past = failed.past
    assert past.failures == 24


def test_a_session_that_held_makes_the_next_failure_the_first(now: datetime) -> None:
    past = Past(failures=9, flaps=4, flapping_since=now, rests=3)
    steady = Host().judge(7, Lived(now + MINUTE, 61.0), past)
    assert (steady.past.failures, steady.past.rests, steady.rests) == (1, 3, False)
    long = Host().judge(7, Lived(now + MINUTE, 601.0), past)
    assert (long.past.failures, long.past.rests) == (1, 0)


def test_a_host_whose_accounts_all_flap_is_an_outage_and_lets_none_rest(
    now: datetime,
) -> None:
    host, pasts = Host(), dict.fromkeys(range(1000), Past())
    for account in pasts:
        host.see(account)
    for wave in range(FLAPS * 2):
        for account, past in pasts.items():
            told = host.judge(account, Lived(now + wave * MINUTE / 2, 5.0), past)
            assert not told.rests
            pasts[account] = told.past


def test_one_that_flaps_among_many_that_do_not_rests_all_the_same(now: datetime) -> None:
    host = Host()
    for account in range(1000):
        host.see(account)
    assert _flap(host, 7, now, Past(), FLAPS)[-1].rests
    assert _flap(host, 8, now, Past(), FLAPS)[-1].rests


def test_thousands_lost_at_once_come_back_over_a_minute_and_not_in_a_herd(
    now: datetime,
) -> None:
    host = Host()
    waits = [host.judge(n, Lived(now, 3600.0), Past()).wait for n in range(4000)]
    in_a_second = Counter(int(wait) for wait in waits)
    assert max(waits) <= 60
    assert max(waits) > 40
    assert max(in_a_second.values()) < 400
    # The next lone loss, after the outage, waits for no crowd.
    later = now + MINUTE
    assert (
        max(host.judge(1, Lived(later + n * MINUTE, 99.0), Past()).wait for n in range(9))
        <= 2
    )
