"""Signing: who waits, who is shown, who is never shown, and what the database refuses."""

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from menting.accounts.models import Account
from menting.base import clock
from menting.spaces import guestbook, read, space, throttle
from menting.spaces.models import GuestbookEntry, Space, Throttle
from menting.users.guard import Actor, NotAllowedError
from menting.users.models import AuditEntry, Role
from tests.spaces.conftest import written

State = GuestbookEntry.State
HERE = "192.0.2.7"


def signed(yard: Space, form: guestbook.Form, address: str = HERE) -> GuestbookEntry:
    entry = guestbook.sign(yard, form, address=address)
    assert entry is not None
    return entry


@pytest.fixture
def account(db: None) -> Account:
    return Account.objects.create(
        channel="matrix", handle="@us:here", name="我们", since=clock.now()
    )


def test_an_entry_waits_until_the_owner_shows_it(owner: Actor, yard: Space) -> None:
    entry = signed(yard, written())
    assert entry.state == State.PENDING
    assert not read.entries(yard).exists()
    assert list(read.waiting()) == [entry]
    guestbook.decide(owner, entry.pk, approve=True)
    assert list(read.entries(yard)) == [entry]
    assert not read.waiting().exists()


def test_the_owner_can_change_their_mind(owner: Actor, yard: Space) -> None:
    entry = signed(yard, written())
    for approve in (True, False):
        guestbook.decide(owner, entry.pk, approve=approve)
    assert not read.entries(yard).exists()
    acts = AuditEntry.objects.order_by("pk").values_list("act", flat=True)
    assert list(acts)[-2:] == ["entry.approve", "entry.refuse"]


def test_who_was_invited_does_not_wait(owner: Actor, yard: Space) -> None:
    invitation = guestbook.invite(owner, yard, "小禾")
    entry = signed(yard, written(code=invitation.code))
    assert (entry.state, entry.invitation) == (State.APPROVED, invitation)


def test_an_invitation_taken_back_makes_one_wait(owner: Actor, yard: Space) -> None:
    invitation = guestbook.invite(owner, yard, "小禾")
    guestbook.revoke(owner, invitation.pk)
    assert signed(yard, written(code=invitation.code)).state == State.PENDING
    with pytest.raises(guestbook.NotInvitedError):
        guestbook.revoke(owner, invitation.pk)


def test_an_invitation_opens_no_other_space(owner: Actor, yard: Space) -> None:
    other = space.create(owner, slug="other", name="Other", time_zone="UTC")
    invitation = guestbook.invite(owner, other, "")
    assert signed(yard, written(code=invitation.code)).state == State.PENDING


def test_scripts_are_thanked_kept_and_not_shown(yard: Space) -> None:
    now = clock.now()
    forms = {
        "honeypot": written(honeypot="https://spam.example"),
        "too fast": written(opened_at=now - timedelta(seconds=1)),
        "stale form": written(opened_at=now - timedelta(hours=25)),
        "no stamp": guestbook.Form(name="a", text="b"),
        "links": written("https://a https://b https://c"),
    }
    for number, (reason, form) in enumerate(forms.items()):
        entry = signed(yard, form, f"198.51.100.{number}")
        assert (entry.state, entry.reason) == (State.REFUSED, reason)
    assert not read.waiting().exists()


def test_an_invitation_does_not_help_a_script(owner: Actor, yard: Space) -> None:
    invitation = guestbook.invite(owner, yard, "")
    form = written(code=invitation.code, honeypot="x")
    assert signed(yard, form).state == State.REFUSED


def test_one_network_writes_three_at_once_and_then_one_in_ten_minutes(
    yard: Space,
) -> None:
    with time_machine.travel(clock.now(), tick=False) as moved:
        given = [guestbook.sign(yard, written(), address=HERE) for _ in range(4)]
        assert [entry is None for entry in given] == [False, False, False, True]
        assert guestbook.sign(yard, written(), address="192.0.2.8") is not None
        moved.shift(timedelta(minutes=10))
        assert guestbook.sign(yard, written(), address=HERE) is not None
        assert guestbook.sign(yard, written(), address=HERE) is None


def test_a_flood_from_everywhere_is_bounded_by_the_space(yard: Space) -> None:
    with time_machine.travel(clock.now(), tick=False):
        for number in range(throttle.PER_SPACE.burst + 20):
            guestbook.sign(yard, written(), address=f"198.51.100.{number}")
    assert GuestbookEntry.objects.count() == throttle.PER_SPACE.burst


def test_no_address_is_kept_and_its_trace_goes_when_the_limit_has_run_out(
    yard: Space,
) -> None:
    with time_machine.travel(clock.now(), tick=False) as moved:
        guestbook.sign(yard, written(), address=HERE)
        assert Throttle.objects.count() == 2
        assert all(HERE.encode() not in bytes(row.key) for row in Throttle.objects.all())
        moved.shift(timedelta(days=1))
        guestbook.sign(yard, written(), address="2001:db8::1")
        assert Throttle.objects.count() == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_a_limit_counts_what_one_subscriber_holds(address: str, network: str) -> None:
    assert throttle.network_of(address) == network


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "a"),
        ("a", ""),
        ("\u200b", "a"),
        ("a", "\u2060"),
        ("a" * 81, "a"),
        ("a", "a" * 2001),
        ("a\0", "a"),
    ],
)
def test_what_cannot_be_read_is_no_entry(yard: Space, name: str, text: str) -> None:
    with pytest.raises(guestbook.BadEntryError):
        guestbook.sign(yard, written(text, name=name), address=HERE)
    assert not GuestbookEntry.objects.exists()


def test_an_own_account_writes_where_it_was_invited(
    owner: Actor, yard: Space, account: Account
) -> None:
    invitation = guestbook.invite(owner, yard, "我们")
    entry = guestbook.sign_invited(
        invitation_id=invitation.pk, account_id=account.pk, text="我们搬家了。"
    )
    assert list(read.entries(yard)) == [entry]
    assert (entry.name, entry.account) == ("我们", account)


def test_an_own_account_does_not_write_without_an_invitation(
    owner: Actor, yard: Space, account: Account
) -> None:
    invitation = guestbook.invite(owner, yard, "")
    guestbook.revoke(owner, invitation.pk)
    for number in (invitation.pk, invitation.pk + 1):
        with pytest.raises(guestbook.NotInvitedError):
            guestbook.sign_invited(
                invitation_id=number, account_id=account.pk, text="我们来了。"
            )
    assert not GuestbookEntry.objects.exists()


def test_the_database_refuses_an_own_entry_without_an_invitation(
    yard: Space, account: Account
) -> None:
    with (
        pytest.raises(IntegrityError, match="no_own_entry_without_invitation"),
        transaction.atomic(),
    ):
        GuestbookEntry.objects.create(
            space=yard, name="我们", text="x", account=account, at=clock.now()
        )


def test_who_has_no_role_decides_and_invites_nothing(yard: Space) -> None:
    entry = signed(yard, written())
    nobody = Actor(kind="user", name="7", role=Role.NONE)
    with pytest.raises(NotAllowedError):
        guestbook.decide(nobody, entry.pk, approve=True)
    with pytest.raises(NotAllowedError):
        guestbook.invite(nobody, yard, "")
    entry.refresh_from_db()
    assert entry.state == State.PENDING
