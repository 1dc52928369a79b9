"""A call by a token: who it is, whether it may, how often, and what its body holds."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from menting.api.problem import Problem
from menting.users import tokens
from menting.users.guard import Actor
from menting.users.models import Token
from menting.users.tokens import Allowance

JSON_TYPES = ("application/json",)
MOST_BYTES = 1024 * 1024

_BEARER = 'Bearer realm="menting"'


class ApiRequest(HttpRequest):
    """A request as every operation gets it."""

    token: Token
    actor: Actor
    allowance: Allowance
    #: The body, its length and kind checked.
    content: bytes
    #: What was read of the body before the transaction of the act.
    brought: Any


Run = Callable[..., HttpResponse]
Step = Callable[[Run], Run]


def needs(scope: str) -> Step:
    """Let only calls pass whose token is good, within its rate, and has the scope."""

    def step(run: Run) -> Run:
        @wraps(run)
        def checked(request: ApiRequest, **given: Any) -> HttpResponse:
            request.token = _token(request)
            request.allowance = tokens.take(request.token)
            _check_rate(request.allowance)
            _check_scope(request.token, scope)
            request.actor = tokens.actor_of(request.token)
            return run(request, **given)

        return checked

    return step


def takes(types: tuple[str, ...], *, most: int) -> Step:
    """Let only bodies pass that are of these media types, UTF-8 and not too large."""

    def step(run: Run) -> Run:
        @wraps(run)
        def checked(request: ApiRequest, **given: Any) -> HttpResponse:
            _check_type(request, types)
            _check_length(int(request.META.get("CONTENT_LENGTH") or 0), most)
            # Django's own limit on `body` is 2.5 MB; a roster may be larger.
            is_json = types == JSON_TYPES
            request.content = request.body if is_json else request.read(most + 1)
            _check_length(len(request.content), most)
            return run(request, **given)

        return checked

    return step


def rate_headers(allowance: Allowance) -> Mapping[str, str]:
    """Return what draft-ietf-httpapi-ratelimit-headers-11 wants to be said."""
    rate = tokens.RATE
    window = rate.burst * rate.interval // 1_000_000
    return {
        "RateLimit-Policy": f'"default";q={rate.burst};w={window}',
        "RateLimit": f'"default";r={allowance.left};t={allowance.seconds}',
    }


def _token(request: HttpRequest) -> Token:
    kind, _, plain = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _unauthorized("Send the header Authorization: Bearer TOKEN.", _BEARER)
    token = tokens.find(plain.strip())
    if token is None:
        raise _unauthorized(
            "The token is unknown, revoked or expired: make another one.",
            f'{_BEARER}, error="invalid_token"',
        )
    return token


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _check_rate(allowance: Allowance) -> None:
    if not allowance.is_free:
        raise Problem(
            "too-many-requests",
            "This token may go on in a moment.",
            headers={"Retry-After": str(allowance.seconds)},
        )


def _check_scope(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        challenge = f'{_BEARER}, error="insufficient_scope", scope="{scope}"'
        raise Problem(
            "insufficient-scope",
            f"This token has not the scope {scope}: make one that has.",
            headers={"WWW-Authenticate": challenge},
        )


def _check_type(request: HttpRequest, types: tuple[str, ...]) -> None:
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if request.content_type not in types or charset not in ("utf-8", "utf8"):
        raise Problem(
            "unsupported-media-type",
            f"Send {' or '.join(types)} in UTF-8, and say so in Content-Type.",
        )


def _check_length(length: int, most: int) -> None:
    if length > most:
        raise Problem("too-large", f"At most {most // 1024} KiB are read here.")
