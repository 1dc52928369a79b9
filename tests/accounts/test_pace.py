"""Pace: no account and no bond sends more than its bucket holds, whoever claims when."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menting.accounts import pace
from menting.accounts.models import Account, Bond
from menting.base import clock
from tests.campaigns import world

SECOND = 1_000_000


def _bond(*, interval: int = SECOND, burst: int = 3) -> Bond:
    return Bond.objects.create(
        name=f"owner {Bond.objects.count()}", interval=interval, burst=burst
    )


def _bound(bond: Bond, n: int, **limit: int) -> list[int]:
    return [world.account(bond=bond, **limit).pk for _ in range(n)]


@transaction.atomic
def _claim(accounts: Sequence[int], wanted: int, now: datetime) -> Counter[int]:
    """Take up to `wanted` an account, as every claim does."""
    free = pace.allow(accounts, now=now, most=10)
    spent: Counter[int] = Counter()
    for account, most in free.turns(accounts):
        spent[account] = min(most, wanted)
        free.spend(account, spent[account])
    pace.debit(spent, now=now)
    return spent


@pytest.mark.django_db
def test_the_accounts_of_a_bond_share_its_bucket_fairly() -> None:
    accounts, now = _bound(_bond(burst=8), 4), clock.now()
    assert _claim(accounts, 10, now) == dict.fromkeys(accounts, 2)
    assert not _claim(accounts, 10, now).total()
    assert _claim(accounts, 10, now + timedelta(seconds=1)).total() == 1


@pytest.mark.django_db
def test_what_one_leaves_of_its_share_is_there_for_the_others() -> None:
    bond = _bond(burst=8)
    slow, *others = _bound(bond, 1, interval=SECOND, burst=1) + _bound(bond, 3)
    spent = _claim([slow, *others], 10, clock.now())
    assert spent[slow] == 1
    assert spent.total() == 8


@pytest.mark.django_db
def test_one_place_a_turn_goes_round_among_them() -> None:
    accounts, now = _bound(_bond(burst=1), 3), clock.now()
    served = [+_claim(accounts, 10, now + timedelta(seconds=number)) for number in range(6)]
    assert [spent.total() for spent in served] == [1] * 6
    assert sum(served, Counter()) == dict.fromkeys(accounts, 2)


@pytest.mark.django_db
def test_an_account_without_a_bond_and_one_of_another_bond_go_on() -> None:
    first, second, now = _bond(burst=1), _bond(burst=2), clock.now()
    one, other, alone = *_bound(first, 1), *_bound(second, 1), world.account().pk
    assert _claim([one], 1, now) == {one: 1}
    assert _claim([one, other, alone], 3, now) == {other: 2, alone: 3}


@pytest.mark.django_db
def test_only_those_that_wait_take_a_share() -> None:
    accounts, now = _bound(_bond(burst=2), 50), clock.now()
    free = pace.allow(accounts, now=now, most=10)
    assert list(free.turns(accounts[-1:])) == [(accounts[-1], 2)]


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    claims=st.lists(
        st.tuples(
            st.integers(0, 3 * SECOND),  # microseconds after the claim before
            st.sets(st.integers(0, 3), min_size=1),
            st.integers(1, 12),
        ),
        max_size=25,
    ),
    interval=st.integers(1, 2 * SECOND),
    burst=st.integers(1, 6),
)
def test_no_interleaving_of_claims_exceeds_the_bucket(
    claims: list[tuple[int, set[int], int]], interval: int, burst: int
) -> None:
    with transaction.atomic():
        accounts = _bound(_bond(interval=interval, burst=burst), 4)
        at, sent = clock.now(), list[tuple[datetime, int]]()
        for wait, who, wanted in claims:
            at += timedelta(microseconds=wait)
            spent = _claim([accounts[one] for one in sorted(who)], wanted, at)
            sent.append((at, spent.total()))
        transaction.set_rollback(True)
    for first, (start, _) in enumerate(sent):
        total = 0
        for end, n in sent[first:]:
            total += n
            span = (end - start) // timedelta(microseconds=1)
            assert total <= burst + span // interval


@pytest.mark.django_db(transaction=True)
def test_two_senders_with_accounts_of_one_bond_never_exceed_it_together() -> None:
    bond = _bond(interval=3600 * SECOND, burst=20)
    halves = [_bound(bond, 5), _bound(bond, 5)]
    with ThreadPoolExecutor(2) as threads:
        start = Barrier(2)
        both = [threads.submit(_claim_often, half, start) for half in halves]
        assert sum(one.result() for one in both) == 20


def _claim_often(accounts: list[int], start: Barrier) -> int:
    try:
        start.wait(5)
        return sum(_claim(accounts, 1, clock.now()).total() for _ in range(12))
    finally:
        connection.close()


@pytest.mark.django_db
def test_a_hold_of_the_platform_is_the_accounts_alone() -> None:
    (held, other), now = _bound(_bond(burst=4), 2), clock.now()
    pace.hold(held, until=now + timedelta(seconds=9))
    assert _claim([held, other], 9, now) == {other: 4}
    assert Account.objects.get(pk=held).tat > clock.micros(now)
