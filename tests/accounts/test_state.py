"""Leases and states: one holder an account, and nothing written by who lost it."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from menting.accounts import leases, signin, state
from menting.accounts.models import Account, AccountState
from menting.accounts.state import Mark, Renewed, Resume
from menting.base import clock, crypto, lease
from tests.accounts import rosters
from tests.accounts.rosters import OWNER

pytestmark = pytest.mark.django_db

LONG = lease.LEASE + timedelta(seconds=1)


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def accounts(tmp_path: Path) -> list[Account]:
    made = rosters.stored(tmp_path, 4)
    signin.want_online(OWNER)
    return made


def _fresh(account: Account) -> Account:
    return Account.objects.get(pk=account.pk)


def _ids(taken: list[leases.Taken]) -> list[int]:
    return [one.id for one in taken]


def test_an_account_is_leased_to_one_keeper(accounts: list[Account], now: datetime) -> None:
    ids = [account.pk for account in accounts]
    assert _ids(leases.take("a", now=now, limit=3)) == ids[:3]
    assert _ids(leases.take("b", now=now, limit=9)) == ids[3:]
    assert leases.has_free("a", now=now) is False
    assert leases.held("a") == set(ids[:3])


def test_a_renewed_lease_holds_and_one_not_renewed_is_taken(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=2)
    leases.take("b", now=now, limit=2)
    assert leases.renew("a", now=now + lease.RENEW_EVERY) == 2
    assert _ids(leases.take("c", now=now + LONG, limit=9)) == [
        one.pk for one in accounts[2:]
    ]
    assert leases.held("b") == set()


@pytest.mark.parametrize("given_up", leases.NEVER_RETRIED)
def test_what_needs_an_operator_is_never_taken(
    accounts: list[Account], now: datetime, given_up: str
) -> None:
    Account.objects.update(state=given_up)
    assert leases.has_free("a", now=now) is False
    assert leases.take("a", now=now + timedelta(days=365), limit=9) == []


def test_a_retry_is_taken_when_it_is_due(accounts: list[Account], now: datetime) -> None:
    Account.objects.update(state=AccountState.BACKOFF, retry_at=now + timedelta(seconds=9))
    assert leases.take("a", now=now, limit=9) == []
    assert len(leases.take("a", now=now + timedelta(seconds=9), limit=9)) == 4


def test_who_lost_the_lease_writes_no_state(accounts: list[Account], now: datetime) -> None:
    leases.take("a", now=now, limit=1)
    leases.take("b", now=now + LONG, limit=1)
    state.mark("b", [Mark(accounts[0].pk, AccountState.ONLINE)])
    state.mark("a", [Mark(accounts[0].pk, AccountState.BANNED, "late", ends=True)])
    account = _fresh(accounts[0])
    assert (account.state, account.reason, account.lease_by) == ("online", "", "b")


def test_the_time_of_a_state_moves_only_when_the_state_does(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=9)
    pk = accounts[0].pk
    state.mark("a", [Mark(pk, AccountState.ONLINE)])
    first = _fresh(accounts[0])
    state.mark("a", [Mark(pk, AccountState.ONLINE, "slow")])
    second = _fresh(accounts[0])
    assert (second.since, second.reason) == (first.since, "slow")
    state.mark(
        "a", [Mark(pk, AccountState.CONNECTING), Mark(pk, AccountState.BACKOFF, "x")]
    )
    third = _fresh(accounts[0])
    assert (third.state, third.reason) == ("backoff", "x")
    assert third.since > first.since


def test_the_end_of_a_session_gives_the_lease_back(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=9)
    state.mark("a", [Mark(accounts[0].pk, AccountState.OFFLINE, ends=True)])
    account = _fresh(accounts[0])
    assert (account.lease_by, account.lease_until) == ("", None)
    assert accounts[0].pk not in leases.held("a")


def test_a_keeper_that_ends_leaves_nothing_online(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=2)
    leases.take("b", now=now, limit=2)
    Account.objects.update(state=AccountState.ONLINE)
    assert leases.release("a", now=now) == 2
    assert [_fresh(one).state for one in accounts] == ["offline"] * 2 + ["online"] * 2


def test_accounts_of_a_program_that_died_are_shown_offline(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=9)
    Account.objects.update(state=AccountState.ONLINE)
    assert leases.expire(now=now) == 0
    assert leases.expire(now=now + LONG) == 4
    assert "ended" in _fresh(accounts[0]).reason


def test_the_accounts_of_a_process_known_to_be_dead_are_free_at_once(
    accounts: list[Account], now: datetime
) -> None:
    child = subprocess.run(
        [
            sys.executable,
            "-c",
            "from menting.base import lease; print(lease.holder_name())",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    leases.take(child.stdout.strip(), now=now, limit=2)
    leases.take(lease.holder_name(), now=now, limit=2)
    assert leases.expire(now=now) == 2
    assert _ids(leases.take("next", now=now, limit=9)) == [one.pk for one in accounts[:2]]


def test_a_batch_writes_states_tokens_and_secrets_together(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=9)
    first, second = accounts[0].pk, accounts[1].pk
    state.write(
        "a",
        [
            Mark(first, AccountState.ONLINE),
            Resume(second, b"s1"),
            Renewed(first, {"token": "t"}),
        ],
    )
    ready = state.ready("a", [first]).get(first)
    assert isinstance(ready, state.Ready)
    assert ready.account.secret == {"password": "secret-00001", "token": "t"}
    assert ready.account.handle == "@shop1:localhost"
    assert bytes(_fresh(accounts[1]).resume) == b"s1"
    assert "secret-00001" not in repr(ready)


def test_a_bad_write_undoes_its_batch(accounts: list[Account], now: datetime) -> None:
    leases.take("a", now=now, limit=9)
    Account.objects.filter(pk=accounts[0].pk).update(sealed=b"not sealed by us")
    with pytest.raises(crypto.CannotOpenError):
        state.write(
            "a", [Resume(accounts[1].pk, b"s1"), Renewed(accounts[0].pk, {"t": "x"})]
        )
    assert bytes(_fresh(accounts[1]).resume) == b""


def test_an_account_no_longer_held_or_wanted_has_nothing_ready(
    accounts: list[Account], now: datetime
) -> None:
    leases.take("a", now=now, limit=9)
    signin.want_offline(OWNER, [accounts[0].pk])
    assert state.ready("a", [accounts[0].pk]) == {}
    assert state.ready("b", [accounts[1].pk]) == {}
    assert leases.held("a") == {one.pk for one in accounts[1:]}
