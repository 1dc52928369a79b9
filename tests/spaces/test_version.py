"""The version moves with all that changes what a space shows, in one transaction."""

from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client

from menting.accounts.models import Account
from menting.base import clock
from menting.spaces import guestbook, posts, space
from menting.spaces.models import GuestbookEntry, Invitation, Post, Space
from menting.users import guard
from tests.spaces.conftest import written

ME = guard.at_shell()
CHANGES: dict[str, Callable[[Space], object]] = {
    "publish": lambda yard: posts.publish(ME, yard, "# new\n\nx"),
    "edit": lambda yard: posts.edit(ME, Post.objects.get(slug="old"), "# old\n\nnew words"),
    "describe": lambda yard: space.describe(ME, yard, name="新名", about=""),
    "sign": lambda yard: guestbook.sign(yard, written(), address="192.0.2.1"),
    "sign, invited": lambda yard: guestbook.sign(
        yard, written(code=Invitation.objects.get().code), address="192.0.2.1"
    ),
    "sign_invited": lambda yard: guestbook.sign_invited(
        invitation_id=Invitation.objects.get().pk,
        account_id=Account.objects.get().pk,
        text="我们来了。",
    ),
    "approve": lambda yard: guestbook.decide(ME, _entry("waits").pk, approve=True),
    "refuse": lambda yard: guestbook.decide(ME, _entry("shown").pk, approve=False),
    "invite": lambda yard: guestbook.invite(ME, yard, ""),
    "revoke": lambda yard: guestbook.revoke(ME, Invitation.objects.get().pk),
    "add_origin": lambda yard: space.add_origin(ME, yard, "https://blog.example"),
}


@pytest.fixture
def full(yard: Space) -> Space:
    posts.publish(ME, yard, "# old\n\nold words")
    guestbook.invite(ME, yard, "")
    for number, name in enumerate(("waits", "shown")):
        guestbook.sign(yard, written(name=name), address=f"192.0.2.{number}")
    guestbook.decide(ME, _entry("shown").pk, approve=True)
    Account.objects.create(channel="matrix", handle="@us:here", since=clock.now())
    return yard


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_shown_differs_only_under_another_version(
    client: Client, full: Space, name: str
) -> None:
    version, before = _version(full), _rendered(client)
    CHANGES[name](full)
    if _rendered(client) != before:
        assert _version(full) > version


def test_the_changes_of_this_test_do_change_what_is_shown(
    client: Client, full: Space
) -> None:
    silent = {"sign", "invite", "revoke", "add_origin"}
    for name in CHANGES.keys() - silent:
        with transaction.atomic():
            before = _rendered(client)
            CHANGES[name](full)
            assert _rendered(client) != before, name
            transaction.set_rollback(True)


def test_a_change_that_fails_leaves_the_version(full: Space) -> None:
    version = _version(full)
    with pytest.raises(posts.BadPostError):
        posts.edit(ME, Post.objects.get(slug="old"), "")
    assert _version(full) == version


def _entry(name: str) -> GuestbookEntry:
    return GuestbookEntry.objects.get(name=name)


def _version(yard: Space) -> int:
    return Space.objects.values_list("version", flat=True).get(pk=yard.pk)


def _rendered(client: Client) -> list[bytes]:
    pages = ["/@yard", "/@yard/guestbook", "/@yard/old"]
    return [client.get(page).content for page in pages]
