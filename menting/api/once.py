"""A POST is done once, however often it is sent (`users/answers.py` keeps the answers)."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.db import transaction
from django.http import HttpResponse

from menting.api.call import ApiRequest, Run, Step
from menting.api.problem import Problem
from menting.users import answers
from menting.users.answers import Answer, Claim

HEADER = "Idempotency-Key"
MOST_KEY = 255

#: Headers that belong to the act itself; all others are made anew for each answer.
_KEPT_HEADERS = ("Content-Type", "Location")


Before = Callable[[ApiRequest], object]


def once(before: Before | None = None, *, in_parts: bool = False) -> Step:
    """Do a call with a key once; `before` is done ahead of the act's transaction.

    An act `in_parts` has transactions of its own, so that it holds no other up for long;
    it must do no harm when a program that died is followed by a second try.
    """

    def step(run: Run) -> Run:
        @wraps(run)
        def held(request: ApiRequest, **given: Any) -> HttpResponse:
            address = request.get_full_path()
            found = answers.claim(
                request.token,
                _key(request),
                request_hash=answers.hash_of("POST", address, request.content),
            )
            if isinstance(found, Answer):
                return _again(found)
            act = partial(run, request, **given)
            try:
                request.brought = before(request) if before else None
                return _in_parts(found, act) if in_parts else _whole(found, act)
            finally:
                answers.give_up(found)  # of what was kept it forgets nothing

        return held

    return step


def _key(request: ApiRequest) -> str:
    """Return the key: a quoted string by the draft, but most send it bare."""
    key = request.headers.get(HEADER, "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key or len(key) > MOST_KEY or not (key.isascii() and key.isprintable()):
        raise Problem(
            "key-missing",
            f"Send {HEADER}, a new UUID for each act and the same one for a retry.",
        )
    return key


def _whole(claim: Claim, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Do the act and keep its answer in one transaction: both are there or neither."""
    with transaction.atomic():
        answer = act()
        if answer.status_code < 400:
            answers.keep(claim, _answer(answer))
            return answer
        transaction.set_rollback(True)
    return _kept_refusal(claim, answer)


def _in_parts(claim: Claim, act: Callable[[], HttpResponse]) -> HttpResponse:
    answer = act()
    if answer.status_code < 400:
        answers.keep(claim, _answer(answer))
        return answer
    return _kept_refusal(claim, answer)


def _kept_refusal(claim: Claim, answer: HttpResponse) -> HttpResponse:
    if answer.status_code < 500:
        answers.keep(claim, _answer(answer))
    return answer


def _answer(response: HttpResponse) -> Answer:
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    return Answer(response.status_code, response.content.decode(), headers)


def _again(answer: Answer) -> HttpResponse:
    return HttpResponse(
        answer.body,
        status=answer.status,
        headers={**answer.headers, "Idempotency-Replayed": "true"},
    )
