"""Call a platform over HTTP, and say what a failed call proves."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from menting.channels import base

CALL_SECONDS = 30.0
CONNECT_SECONDS = 10.0
#: Waited after a 429 that names no time of its own.
DEFAULT_WAIT_SECONDS = 5.0
MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; what its status means is each platform's own."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any] | None:
        """Return the body as a JSON object, None when it is not one."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None


class Http:
    """The connections of one channel, shared by all its sessions."""

    def __init__(self, *, per_host: int = 0) -> None:
        #: 0: no limit, where each account's long poll holds a connection all the time.
        self._per_host = per_host
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, method: str, url: URL | str, *, seconds: float | None = None, **rest: Any
    ) -> Answer:
        """Send one request; `rest` is aiohttp's (headers, json, data).

        Raises Unreachable when no connection was made, and Uncertain when the request may
        have been written and no whole answer came.
        """
        limits = aiohttp.ClientTimeout(
            total=seconds or CALL_SECONDS, sock_connect=CONNECT_SECONDS
        )
        try:
            async with self.session().request(
                # A redirect would carry the token to an address nobody chose.
                *(method, url),
                timeout=limits,
                allow_redirects=False,
                **rest,
            ) as answer:
                return Answer(answer.status, answer.headers, await answer.read())
        except aiohttp.InvalidURL:
            # Its words are the whole address, which may have a token in it (Telegram).
            raise base.Unreachable("this is no address that can be called") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise base.Unreachable(f"cannot connect: {short(error)}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise base.Uncertain(f"no whole answer: {short(error)}") from error

    def session(self) -> aiohttp.ClientSession:
        """Return the shared client, for WebSockets."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, limit_per_host=self._per_host, ttl_dns_cache=300
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def aclose(self) -> None:
        """Close every connection; a later call opens anew."""
        if self._session is not None:
            await self._session.close()
            self._session = None


@contextlib.contextmanager
def proven_not_sent() -> Iterator[None]:
    """Turn Uncertain into Unreachable: the calls within only prepare, they send nothing."""
    try:
        yield
    except base.Uncertain as error:
        raise base.Unreachable(str(error)) from error


def seconds_of(asked: object, *, default: float = DEFAULT_WAIT_SECONDS) -> float:
    """Return a platform's wait (Retry-After and its like) as seconds, never negative."""
    with contextlib.suppress(TypeError, ValueError):
        seconds = float(str(asked))
        if 0 <= seconds < float("inf"):
            return seconds
    return default


def short(error: BaseException) -> str:
    """Return an error's own words, fit to be stored as a reason."""
    return (str(error) or type(error).__name__)[:MOST_REASON]
