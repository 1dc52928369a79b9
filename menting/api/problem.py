"""Refusals as `application/problem+json` (RFC 9457); none repeats what was sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpResponse

MEDIA_TYPE = "application/problem+json"

#: kind -> status and title; the type is `/problems/KIND`, told in docs/api.md.
KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "bad-cursor": (400, "The cursor is none of this list"),
    "key-missing": (400, "Idempotency-Key is missing or cannot be used"),
    "unauthorized": (401, "A valid token is needed"),
    "insufficient-scope": (403, "The token has not the scope for it"),
    "not-allowed": (403, "Who made the token may not do this"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "This cannot be done here"),
    "not-acceptable": (406, "The answer is JSON"),
    "already-there": (409, "It is there already"),
    "still-running": (409, "The same call runs now"),
    "too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "The body is of another kind"),
    "invalid": (422, "Something in it cannot be used"),
    "key-reused": (422, "The Idempotency-Key belongs to another request"),
    "too-many-requests": (429, "Too many requests"),
    "internal": (500, "It failed on this side"),
    "unavailable": (503, "It cannot be answered now"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that cannot be used: where it stands, by what name, and why."""

    within: str
    name: str
    detail: str


@dataclass(slots=True)
class Problem(Exception):  # noqa: N818  # the word of RFC 9457
    """A call is refused for this reason."""

    kind: str
    detail: str
    errors: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return KINDS[self.kind][0]


def answer(problem: Problem) -> HttpResponse:
    """Return the problem as an answer."""
    status, title = KINDS[problem.kind]
    told: dict[str, object] = {
        "type": f"/problems/{problem.kind}",
        "title": title,
        "status": status,
        "detail": problem.detail,
    }
    if problem.errors:
        told["errors"] = [
            {"in": fault.within, "name": fault.name, "detail": fault.detail}
            for fault in problem.errors
        ]
    return HttpResponse(
        json.dumps(told),  # in ASCII: names that were sent may be no whole Unicode
        status=status,
        content_type=MEDIA_TYPE,
        headers=dict(problem.headers),
    )
