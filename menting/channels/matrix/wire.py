"""Call a homeserver's client-server API and map each outcome to a channel's error."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from menting.channels import base

CALL_SECONDS = 30.0
CONNECT_SECONDS = 10.0
#: Waited after a 429 that names no time of its own.
DEFAULT_WAIT_SECONDS = 5.0
MAX_REASON = 200

#: The server has closed the account, for good or until its operator opens it again.
CLOSED = frozenset({"M_USER_DEACTIVATED", "M_USER_LOCKED", "M_USER_SUSPENDED"})
#: Refusals not of the message: the server is full, or wants its terms read.
PASSING = frozenset({"M_RESOURCE_LIMIT_EXCEEDED", "M_CONSENT_NOT_GIVEN"})

_ID = re.compile(r"[@!#$][^\s:,]*:[^\s,]+")


class TokenRefusedError(base.ChannelError):
    """The server does not know the access token; the call was not carried out."""


class Wire:
    """One homeserver, called over the connector that all sessions share."""

    def __init__(self, http: aiohttp.ClientSession, homeserver: str) -> None:
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
        limits = aiohttp.ClientTimeout(
            total=seconds or CALL_SECONDS, sock_connect=CONNECT_SECONDS
        )
        try:
            async with self._http.request(
                method,
                URL(self._root + path, encoded=True).with_query(query),
                json=body,
                headers={"Authorization": f"Bearer {token}"} if token else None,
                timeout=limits,
                # A redirect would carry the token to an address nobody chose.
                allow_redirects=False,
            ) as answer:
                return _outcome(answer, await answer.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise base.Unreachable(f"cannot connect: {_short(error)}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise base.Uncertain(f"no whole answer: {_short(error)}") from error


@contextlib.contextmanager
def proven_not_sent() -> Iterator[None]:
    """Turn Uncertain into Unreachable: the calls within only prepare, they send nothing."""
    try:
        yield
    except base.Uncertain as error:
        raise base.Unreachable(str(error)) from error


def segment(text: str) -> str:
    """Return `text` quoted as one segment of a path."""
    return quote(text, safe="")


def _outcome(answer: aiohttp.ClientResponse, raw: bytes) -> dict[str, Any]:
    told = _parse(raw)
    if 200 <= answer.status < 300 and told is not None:
        return told
    if answer.status == 429:
        wait = _wait(answer.headers.get("Retry-After"), (told or {}).get("retry_after_ms"))
        raise base.Throttled("the server asks to wait", retry_after=wait)
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
    return f"{code}: {_ID.sub('…', str(told.get('error', '')))}"[:MAX_REASON]


def _parse(raw: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(raw)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _wait(header: str | None, milliseconds: object) -> float:
    """Return seconds; the header is of Matrix 1.10, the field of those before."""
    with contextlib.suppress(TypeError, ValueError):
        asked = float(header) if header else float(str(milliseconds)) / 1000
        if 0 <= asked < float("inf"):
            return asked
    return DEFAULT_WAIT_SECONDS


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:MAX_REASON]
