"""The table of roles."""

import pytest

from menting.users import guard
from menting.users.models import Role, User


@pytest.mark.parametrize("act", sorted(guard.ACTS))
def test_a_visitor_may_do_nothing(act: str) -> None:
    visitor = guard.of_user(User(pk=1, email="v@example.org"))
    assert not guard.may(visitor, act)


def test_an_act_that_nobody_declared_is_allowed_to_nobody() -> None:
    assert not guard.may(guard.SYSTEM, "world.rule")


def test_a_disabled_owner_may_do_nothing() -> None:
    owner = User(pk=1, email="o@example.org", role=Role.OWNER, is_active=False)
    with pytest.raises(guard.NotAllowedError, match=r"campaigns\.start"):
        guard.check(guard.of_user(owner), "campaigns.start")


def test_a_manager_does_the_work_but_not_the_house() -> None:
    manager = guard.of_user(User(pk=2, email="m@example.org", role=Role.MANAGER))
    assert guard.may(manager, "campaigns.start")
    assert not guard.may(manager, "house.change")
