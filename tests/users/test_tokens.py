"""Tokens: shown once, limited by scope and role, and by a rate."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from menting.base import clock
from menting.users import guard, tokens
from menting.users.guard import Actor
from menting.users.models import AuditEntry, Role, Token, User
from menting.users.tokens import Made

pytestmark = pytest.mark.django_db

OWNER = Actor(kind="user", name="1", role=Role.OWNER)
MANAGER = Actor(kind="user", name="2", role=Role.MANAGER)


@pytest.fixture
def user() -> User:
    return User.objects.create_user("owner@example.org", role=Role.OWNER)


def _make(user: User, *scopes: str, name: str = "books") -> Made:
    return tokens.make(OWNER, user, name=name, scopes=scopes or ["accounts:read"])


def test_a_token_is_known_again_by_what_was_shown_and_kept_nowhere(user: User) -> None:
    made = _make(user)
    assert re.fullmatch(r"mnt_p_[0-9A-Za-z]{36}", made.plain)
    assert tokens.find(made.plain) == made.token
    with connection.cursor() as cursor:
        cursor.execute("select * from users_token")
        kept = repr(cursor.fetchall())
    assert made.token.prefix in kept
    assert made.plain not in kept


def test_no_two_tokens_are_alike(user: User) -> None:
    assert len({_make(user, name=f"t{n}").plain for n in range(50)}) == 50


def test_only_an_owner_makes_and_revokes_tokens(user: User) -> None:
    made = _make(user)
    with pytest.raises(guard.NotAllowedError):
        tokens.make(MANAGER, user, name="more", scopes=["accounts:read"])
    with pytest.raises(guard.NotAllowedError):
        tokens.revoke(MANAGER, made.token.pk)
    tokens.revoke(OWNER, made.token.pk)
    assert tokens.find(made.plain) is None
    with pytest.raises(tokens.NoSuchTokenError):
        tokens.revoke(OWNER, made.token.pk)
    acts = list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))
    assert acts == ["token.make", "token.revoke"]


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", ["people:read"], 1),
        ("  ", ["people:read"], 1),
        ("a\nb", ["people:read"], 1),
        ("x" * 61, ["people:read"], 1),
        ("taken", ["people:read"], 1),
        ("ok", [], 1),
        ("ok", ["people:write"], 1),
        ("ok", ["people:read"], 0),
        ("ok", ["people:read"], 366),
    ],
)
def test_a_token_that_cannot_be_is_refused(
    user: User, name: str, scopes: list[str], days: int
) -> None:
    _make(user, name="taken")
    with pytest.raises(tokens.BadTokenError):
        tokens.make(OWNER, user, name=name, scopes=scopes, days=days)
    assert Token.objects.count() == 1


def test_a_token_does_no_more_than_its_scopes_nor_than_its_user(user: User) -> None:
    made = _make(user, "accounts:write")
    actor = tokens.actor_of(made.token)
    assert str(actor) == "token:books"
    assert guard.may(actor, "accounts.import")
    assert not guard.may(actor, "people.read")
    assert not guard.may(actor, "house.change")
    made.token.user.role = Role.NONE
    assert not guard.may(tokens.actor_of(made.token), "accounts.import")


def test_every_act_of_a_scope_is_one_that_the_guard_knows() -> None:
    assert frozenset().union(*tokens.SCOPES.values()) <= set(guard.ACTS)


def test_a_burst_may_go_and_then_ten_a_second(user: User) -> None:
    made, start = _make(user), clock.now()
    with time_machine.travel(start, tick=False):
        burst = [tokens.take(made.token) for _ in range(101)]
    assert [one.is_free for one in burst] == [True] * 100 + [False]
    assert burst[0].left == 99
    assert burst[-1].seconds == 1
    with time_machine.travel(start + timedelta(seconds=1), tick=False):
        later = [tokens.take(made.token).is_free for _ in range(11)]
    assert later == [True] * 10 + [False]


def test_the_last_use_is_written_once_a_minute(user: User) -> None:
    made, start = _make(user), clock.now()
    seen = set()
    for second in range(0, 61, 5):
        with time_machine.travel(start + timedelta(seconds=second), tick=False):
            tokens.take(made.token)
        seen.add(Token.objects.get().last_used_at)
    assert seen == {start}
    with time_machine.travel(start + timedelta(seconds=61), tick=False):
        tokens.take(made.token)
    assert Token.objects.get().last_used_at == start + timedelta(seconds=61)
