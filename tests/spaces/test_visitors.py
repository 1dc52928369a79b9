"""Being named: by one's own yes only, and never after it was taken back."""

import pytest

from menting.spaces import space, visitors
from menting.spaces.models import Space, Visitor
from menting.users.guard import Actor
from menting.users.models import User


@pytest.fixture
def guest(db: None) -> User:
    return User.objects.create_user("he@example.org")


def test_nobody_is_named_before_they_agree(guest: User, yard: Space) -> None:
    assert visitors.of(guest, yard) is None


def test_who_agrees_is_named_in_that_space_alone(
    owner: Actor, guest: User, yard: Space
) -> None:
    other = space.create(owner, slug="other", name="Other", time_zone="UTC")
    visitor = visitors.agree(guest, yard, name=" 小  禾 ")
    assert visitors.of(guest, yard) == visitor
    assert visitors.of(guest, other) is None
    assert visitors.names([visitor.who, 5]) == {visitor.who: "小 禾"}
    assert visitor.wording_version == visitors.WORDING_VERSION


def test_agreeing_twice_is_one_visitor_under_the_newer_name(
    guest: User, yard: Space
) -> None:
    first = visitors.agree(guest, yard, name="小禾")
    second = visitors.agree(guest, yard, name="禾")
    assert first.who == second.who
    assert visitors.names([first.who]) == {first.who: "禾"}


def test_who_takes_it_back_is_named_nowhere_and_comes_back_as_another(
    guest: User, yard: Space
) -> None:
    before = visitors.agree(guest, yard, name="小禾").who
    visitors.withdraw(guest, yard)
    assert visitors.of(guest, yard) is None
    assert visitors.names([before]) == {}
    assert not Visitor.objects.filter(name="小禾").exists()
    after = visitors.agree(guest, yard, name="小禾").who
    assert after != before
    assert visitors.names([before, after]) == {after: "小禾"}


@pytest.mark.parametrize("name", ["", "  ", "\u200b\u200b"])
def test_a_name_can_be_seen(guest: User, yard: Space, name: str) -> None:
    with pytest.raises(visitors.BadNameError):
        visitors.agree(guest, yard, name=name)
