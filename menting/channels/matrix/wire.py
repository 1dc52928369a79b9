"""Call a homeserver's client-server API and map each outcome to a channel's error."""

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from yarl import URL

from menting.channels import base
from menting.channels.http import (
    DEFAULT_WAIT_SECONDS,
    MOST_REASON,
    Answer,
    Http,
    seconds_of,
)

#: The server has closed the account, for good or until its operator opens it again.
CLOSED = frozenset({"M_USER_DEACTIVATED", "M_USER_LOCKED", "M_USER_SUSPENDED"})
#: Refusals not of the message: the server is full, or wants its terms read.
PASSING = frozenset({"M_RESOURCE_LIMIT_EXCEEDED", "M_CONSENT_NOT_GIVEN"})

_ID = re.compile(r"[@!#$][^\s:,]*:[^\s,]+")


class Caller(Protocol):
    """One account at its homeserver, however it is signed in."""

    @property
    def user(self) -> str:
        """Return the full Matrix id, `@name:server`."""

    async def call(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """Call the homeserver as this account; raises and takes the rest as `Wire.call`."""


class TokenRefusedError(base.ChannelError):
    """The server does not know the access token; the call was not carried out."""


class Wire:
    """One homeserver, called over the connections that all sessions share."""

    def __init__(self, http: Http, homeserver: str) -> None:
        self._http = http
        self._root = f"{homeserver.rstrip('/')}/_matrix/client"

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Send one request and return its JSON object.

        Raises Unreachable, Uncertain, Throttled, Refused, AuthFailed (the account is
        closed) and TokenRefusedError.
        """
        answer = await self._http.ask(
            method,
            URL(self._root + path, encoded=True).with_query(query),
            seconds=seconds,
            json=body,
            headers={"Authorization": f"Bearer {token}"} if token else None,
        )
        return _outcome(answer)


def segment(text: str) -> str:
    """Return `text` quoted as one segment of a path."""
    return quote(text, safe="")


def _outcome(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    if 200 <= answer.status < 300 and told is not None:
        return told
    if answer.status == 429:
        raise base.Throttled("the server asks to wait", retry_after=_wait(answer, told))
    # 502 and 504 come from something between, which may have passed the request on.
    if answer.status < 300 or answer.status >= 500:
        raise base.Uncertain(f"status {answer.status} without a usable answer")
    raise _refusal(answer.status, told or {})


def _refusal(status: int, told: dict[str, Any]) -> base.ChannelError:
    code = str(told.get("errcode", ""))
    reason = _reason(code, told) if code else f"status {status}, and no word of Matrix"
    if code in CLOSED:
        return base.AuthFailed(reason, banned=True)
    if status == 401:
        return TokenRefusedError(reason)
    return base.Refused(reason, permanent=code.startswith("M_") and code not in PASSING)


def _reason(code: str, told: dict[str, Any]) -> str:
    # Reasons are kept beside a delivery: a person's address must not stay there.
    return f"{code}: {_ID.sub('…', str(told.get('error', '')))}"[:MOST_REASON]


def _wait(answer: Answer, told: dict[str, Any] | None) -> float:
    """Return seconds; the header is of Matrix 1.10, the field of those before."""
    if header := answer.headers.get("Retry-After"):
        return seconds_of(header)
    milliseconds = (told or {}).get("retry_after_ms")
    return seconds_of(milliseconds, default=DEFAULT_WAIT_SECONDS * 1000) / 1000
