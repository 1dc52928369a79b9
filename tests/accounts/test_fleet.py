"""How the fleet does: why accounts are down, since when, where; and acts upon many."""

from datetime import timedelta
from pathlib import Path

import pytest

from menting.accounts import read, signin
from menting.accounts.models import Account, AccountState
from menting.accounts.read import Down, Which
from menting.base import clock
from menting.users import guard
from menting.users.models import AuditEntry
from tests.accounts import rosters
from tests.accounts.rosters import OWNER, VISITOR

pytestmark = pytest.mark.django_db

BACKOFF, NEEDS_AUTH = AccountState.BACKOFF, AccountState.NEEDS_AUTH


@pytest.fixture
def fleet(tmp_path: Path) -> list[int]:
    """Six accounts: two online, two cut off (one rests), one refused, one not wanted."""
    ids = [account.pk for account in rosters.stored(tmp_path, 6)]
    now = clock.now()
    there = Account.objects.filter
    there(pk__in=ids[:5]).update(wanted_online=True, since=now)
    there(pk__in=ids[:2]).update(state=AccountState.ONLINE, caps="profile text")
    there(pk__in=ids[2:4]).update(state=BACKOFF, reason="cut off", failures=3)
    there(pk=ids[2]).update(since=now - timedelta(hours=2))
    there(pk=ids[3]).update(resting_since=now, rests=2, retry_at=now + timedelta(hours=1))
    there(pk=ids[4]).update(state=NEEDS_AUTH, reason="the password is wrong")
    return ids


def test_the_reasons_are_counted_and_told_since_when(fleet: list[int]) -> None:
    cut, refused = read.down()
    oldest = Account.objects.get(pk=fleet[2]).since
    assert cut == Down("matrix", "backoff", "cut off", 2, oldest)
    assert (refused.reason, refused.accounts) == ("the password is wrong", 1)
    assert read.down(limit=1) == [cut]


@pytest.mark.parametrize(
    ("which", "tried"),
    [
        (Which(), [2, 3, 4]),
        (Which(channel="matrix", state=BACKOFF), [2, 3]),
        (Which(reason="the password is wrong"), [4]),
        (Which(channel="mail"), []),
        (Which(state=AccountState.ONLINE), []),
    ],
)
def test_many_are_tried_again_at_once(
    fleet: list[int], which: Which, tried: list[int]
) -> None:
    assert signin.retry_where(OWNER, which) == len(tried)
    offline = Account.objects.filter(wanted_online=True, state=AccountState.OFFLINE)
    assert sorted(offline.values_list("pk", flat=True)) == [fleet[n] for n in tried]
    assert not offline.exclude(retry_at=None, resting_since=None, rests=0).exists()


def test_trying_many_needs_the_right_and_is_in_the_audit_log(fleet: list[int]) -> None:
    with pytest.raises(guard.NotAllowedError):
        signin.retry_where(VISITOR, Which())
    signin.retry_where(OWNER, Which(state=NEEDS_AUTH))
    told = AuditEntry.objects.exclude(act="account.import").get()
    assert (told.act, told.detail["accounts"]) == ("account.retry", 1)
