"""What operators want: online, offline, removed; and what that does to stuck accounts."""

from datetime import timedelta
from pathlib import Path

import pytest

from menting.accounts import bell, signin
from menting.accounts.models import Account, AccountState
from menting.base import clock
from menting.users import guard
from menting.users.models import AuditEntry
from tests.accounts import rosters
from tests.accounts.rosters import OWNER, VISITOR

pytestmark = pytest.mark.django_db


def test_all_or_only_some_are_wanted_online(tmp_path: Path) -> None:
    first, *_ = rosters.stored(tmp_path, 3)
    assert signin.want_online(OWNER, [first.pk]) == 1
    assert list(Account.objects.filter(wanted_online=True)) == [first]
    assert signin.want_online(OWNER) == 3
    assert signin.want_offline(OWNER, [first.pk]) == 1
    assert Account.objects.filter(wanted_online=True).count() == 2


@pytest.mark.parametrize("stuck", signin.STUCK)
def test_asking_lets_a_stuck_account_try_again_at_once(tmp_path: Path, stuck: str) -> None:
    [account] = rosters.stored(tmp_path, 1)
    later = clock.now() + timedelta(hours=1)
    Account.objects.update(state=stuck, reason="why", retry_at=later, failures=7)
    signin.want_online(OWNER, [account.pk])
    account.refresh_from_db()
    assert (account.state, account.reason) == (AccountState.OFFLINE, "")
    assert (account.retry_at, account.failures) == (None, 0)


def test_the_state_of_a_live_account_is_left_to_its_keeper(tmp_path: Path) -> None:
    [account] = rosters.stored(tmp_path, 1)
    until = clock.now() + timedelta(seconds=30)
    Account.objects.update(state=AccountState.ONLINE, lease_by="k", lease_until=until)
    signin.want_online(OWNER)
    signin.want_offline(OWNER, [account.pk])
    account.refresh_from_db()
    assert account.state == AccountState.ONLINE
    assert account.wanted_online is False


def test_removing_destroys_the_secret_and_keeps_the_row(tmp_path: Path) -> None:
    account, other = rosters.stored(tmp_path, 2)
    signin.remove(OWNER, account.pk)
    account.refresh_from_db()
    assert (bytes(account.sealed), account.wanted_online) == (b"", False)
    assert account.removed_at is not None
    with pytest.raises(signin.UnknownAccountError, match=f"no account {account.pk}"):
        signin.want_online(OWNER, [account.pk, other.pk])
    other.refresh_from_db()
    assert other.wanted_online is False, "one unknown id must undo the whole act"


def test_nobody_without_the_right_signs_in_and_each_act_is_in_the_audit_log(
    tmp_path: Path,
) -> None:
    [account] = rosters.stored(tmp_path, 1)
    for act in (signin.want_online, signin.want_offline):
        with pytest.raises(guard.NotAllowedError):
            act(VISITOR, [account.pk])
    with pytest.raises(guard.NotAllowedError):
        signin.remove(VISITOR, account.pk)
    signin.want_online(OWNER, [account.pk])
    signin.want_offline(OWNER)
    signin.remove(OWNER, account.pk)
    told = AuditEntry.objects.exclude(act="account.import").order_by("pk")
    assert list(told.values_list("act", "target")) == [
        ("account.signin", f"account:{account.pk}"),
        ("account.signout", ""),
        ("account.remove", f"account:{account.pk}"),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_bell_rings_once_the_wish_is_committed(tmp_path: Path) -> None:
    rosters.stored(tmp_path, 1)
    seen: list[int] = []
    deaf = bell.hear(
        lambda: seen.append(Account.objects.filter(wanted_online=True).count())
    )
    signin.want_online(OWNER)
    deaf()
    signin.want_offline(OWNER)
    assert seen == [1]
