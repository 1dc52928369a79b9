"""A POST is done once, however often it is sent (`users/answers.py` keeps the answers)."""

from collections.abc import Callable
from functools import wraps
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


def once(before: Callable[[ApiRequest], object] | None = None) -> Step:
    """Do a call with a key once; `before` is done ahead of the act's transaction."""

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
            return _done(found, lambda: run(request, **given), request, before)

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


def _done(
    claim: Claim,
    act: Callable[[], HttpResponse],
    request: ApiRequest,
    before: Callable[[ApiRequest], object] | None,
) -> HttpResponse:
    is_kept = False
    try:
        request.brought = before(request) if before else None
        with transaction.atomic():
            answer = act()
            if answer.status_code < 400:
                answers.keep(claim, _answer(answer))
                is_kept = True
            else:
                transaction.set_rollback(True)
        if 400 <= answer.status_code < 500:
            answers.keep(claim, _answer(answer))
            is_kept = True
        return answer
    finally:
        if not is_kept:
            answers.give_up(claim)


def _answer(response: HttpResponse) -> Answer:
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    return Answer(response.status_code, response.content.decode(), headers)


def _again(answer: Answer) -> HttpResponse:
    return HttpResponse(
        answer.body,
        status=answer.status,
        headers={**answer.headers, "Idempotency-Replayed": "true"},
    )
