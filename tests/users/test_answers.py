"""The key of a call: claimed by one, taken over from the dead, kept for a day."""

from datetime import timedelta

import pytest
import time_machine

from menting.base import clock
from menting.users import answers, guard, tokens
from menting.users.answers import Answer, Claim
from menting.users.models import Role, Token, User

pytestmark = pytest.mark.django_db

ONE, OTHER = bytes(32), bytes([1]) * 32


@pytest.fixture
def token() -> Token:
    user = User.objects.create_user("owner@example.org", role=Role.OWNER)
    return tokens.make(guard.at_shell(), user, name="t", scopes=["people:read"]).token


def _claim(token: Token, request_hash: bytes = ONE) -> Claim:
    found = answers.claim(token, "key", request_hash=request_hash)
    assert isinstance(found, Claim)
    return found


def test_who_was_taken_over_may_not_keep_an_answer(token: Token) -> None:
    first = _claim(token)
    with time_machine.travel(clock.now() + answers.LONGEST + timedelta(seconds=1)):
        second = _claim(token)
        with pytest.raises(answers.LostClaimError):
            answers.keep(first, Answer(200, "first", {}))
        answers.give_up(first)  # of what it has no more
        answers.keep(second, Answer(200, "second", {}))
        assert answers.claim(token, "key", request_hash=ONE) == Answer(200, "second", {})


def test_a_claim_is_not_taken_over_while_it_may_run(token: Token) -> None:
    _claim(token)
    with pytest.raises(answers.RunningError):
        _claim(token)


def test_a_key_given_up_may_be_claimed_by_any_request(token: Token) -> None:
    answers.give_up(_claim(token))
    _claim(token, OTHER)


def test_a_key_is_each_tokens_own(token: Token) -> None:
    _claim(token)
    other = tokens.make(guard.at_shell(), token.user, name="o", scopes=["people:read"])
    _claim(other.token, OTHER)


def test_a_day_later_the_key_is_free(token: Token) -> None:
    answers.keep(_claim(token), Answer(200, "old", {}))
    with time_machine.travel(clock.now() + answers.KEPT + timedelta(seconds=1)):
        _claim(token, OTHER)


def test_the_hash_tells_method_address_and_body_apart(token: Token) -> None:
    asked = [
        ("POST", "/a", b""),
        ("POST", "/b", b""),
        ("PUT", "/a", b""),
        ("POST", "/a", b"x"),
    ]
    assert len({answers.hash_of(*one) for one in asked}) == len(asked)
