"""What is asked about accounts."""

from pathlib import Path

import pytest

from menting.accounts import read, signin
from menting.accounts.models import Account, AccountState
from menting.base import clock
from tests.accounts import rosters
from tests.accounts.rosters import OWNER

pytestmark = pytest.mark.django_db


@pytest.fixture
def accounts(tmp_path: Path) -> list[Account]:
    return rosters.stored(tmp_path, 7)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_the_pages_hold_each_account_once(accounts: list[Account], limit: int) -> None:
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = read.items(cursor=cursor, limit=limit)
        seen += [item.id for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [account.pk for account in accounts]


def test_the_list_takes_state_and_channel(accounts: list[Account]) -> None:
    Account.objects.filter(pk=accounts[3].pk).update(state=AccountState.BANNED, reason="r")
    [item] = read.items(state="banned", channel="matrix").items
    assert (item.id, item.reason) == (accounts[3].pk, "r")
    assert read.items(channel="mail").items == []


def test_a_cursor_that_no_list_gave_is_refused() -> None:
    with pytest.raises(read.BadCursorError):
        read.items(cursor="1; drop")


def test_counts_leave_removed_accounts_out(accounts: list[Account]) -> None:
    signin.remove(OWNER, accounts[0].pk)
    Account.objects.filter(pk=accounts[1].pk).update(state=AccountState.ONLINE)
    assert read.counts() == {"matrix": {"offline": 5, "online": 1}}
    assert len(read.all_ids()) == 6


def test_progress_tells_live_pending_and_failed_with_their_reasons(
    accounts: list[Account],
) -> None:
    signin.want_online(OWNER)
    states: list[tuple[AccountState, str, int]] = [
        (AccountState.ONLINE, "", 0),
        (AccountState.CONNECTING, "", 0),
        (AccountState.BACKOFF, "away", read.HOPELESS - 1),
        (AccountState.BACKOFF, "away", read.HOPELESS),
        (AccountState.NEEDS_AUTH, "refused", 0),
        (AccountState.BANNED, "closed", 0),
    ]
    for account, (state, reason, failures) in zip(accounts, states, strict=False):
        Account.objects.filter(pk=account.pk).update(
            state=state, reason=reason, failures=failures, since=clock.now()
        )
    signin.want_offline(OWNER, [accounts[6].pk])
    told = read.progress([account.pk for account in accounts])
    assert (told.asked, told.live) == (7, 1)
    assert [one.reason for one in told.pending] == ["no answer yet (connecting)", "away"]
    assert [one.reason for one in told.failed] == [
        "away",
        "refused",
        "closed",
        "signed out meanwhile",
    ]
