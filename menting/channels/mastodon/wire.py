"""Call a Mastodon server's API and map each outcome to a channel's error."""

import json
import re
from datetime import datetime
from typing import Any

import aiohttp
from yarl import URL

from menting.base import clock
from menting.channels import base
from menting.channels.http import (
    DEFAULT_WAIT_SECONDS,
    MOST_REASON,
    Answer,
    Http,
    seconds_of,
)

#: What Mastodon says in a 403 when a moderator froze or suspended the account.
CLOSED = ("login is currently disabled", "suspended")
#: And when the token is good but not for this.
SCOPES = "outside the authorized scopes"
_NAME = re.compile(r"@[\w.-]+(?:@[\w.-]+)?")


class Wire:
    """One server as one account sees it, over the connections that all sessions share."""

    def __init__(self, http: Http, server: str, token: str) -> None:
        self._http, self.server = http, server.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **rest: Any) -> Answer:
        """Send one request and return its answer of 2xx; `rest` is aiohttp's.

        Raises Unreachable, Uncertain, Throttled, Refused and AuthFailed.
        """
        query = rest.pop("query", None)
        headers = self._headers | rest.pop("headers", {})
        url = URL(self.server + path).with_query(query)
        answer = await self._http.ask(method, url, headers=headers, **rest)
        if 200 <= answer.status < 300:
            return answer
        raise _refusal(answer)

    async def one(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """Return the object that a call is answered with. Raises as `ask` does."""
        told = (await self.ask(method, path, **rest)).json()
        if told is None:
            raise base.Uncertain("the server's answer is no JSON object")
        return told

    async def many(self, path: str, **rest: Any) -> tuple[list[Any], Answer]:
        """Return a list, and the answer whose header leads on. Raises as `ask` does."""
        answer = await self.ask("GET", path, **rest)
        try:
            told = json.loads(answer.body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, list):
            raise base.Uncertain("the server's answer is no JSON list")
        return told, answer

    async def stream(self, root: str) -> aiohttp.ClientWebSocketResponse | None:
        """Return the stream of notifications, None where the server has none.

        Raises Unreachable and AuthFailed.
        """
        url = URL(root.rstrip("/") + "/api/v1/streaming").with_query(
            stream="user:notification"
        )
        try:
            # The header and not the address: addresses are written into servers' logs.
            return await self._http.session().ws_connect(
                url, headers=self._headers, heartbeat=30.0, max_msg_size=2**20
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401:
                raise base.AuthFailed("the server does not accept the token") from None
            if error.status in (404, 405, 501):
                return None
            raise base.Unreachable(f"no stream: status {error.status}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise base.Unreachable(f"no stream: {type(error).__name__}") from error


def _refusal(answer: Answer) -> base.ChannelError:
    reason = _reason(answer)
    if answer.status == 429:
        return base.Throttled("the server asks to wait", retry_after=_wait(answer))
    if answer.status >= 500 or answer.status < 400:
        # 502 to 504 come from something between, which may have passed the request on.
        return base.Uncertain(f"status {answer.status} without a usable answer")
    if answer.status == 401:
        return base.AuthFailed(reason)
    if answer.status == 403 and any(word in reason for word in CLOSED):
        return base.AuthFailed(reason, banned=True)
    if answer.status == 403 and SCOPES in reason:
        return base.AuthFailed(f"{reason}: it needs read and write")
    return base.Refused(reason)


def _reason(answer: Answer) -> str:
    told = (answer.json() or {}).get("error")
    if not isinstance(told, str):
        return f"status {answer.status}"
    # Reasons are kept beside a delivery: a person's address must not stay there.
    return _NAME.sub("…", told)[:MOST_REASON]


def _wait(answer: Answer) -> float:
    """Return seconds; Mastodon names the moment, what stands before it a span."""
    if header := answer.headers.get("Retry-After"):
        return seconds_of(header)
    try:
        reset = datetime.fromisoformat(answer.headers.get("X-RateLimit-Reset", ""))
        return max(0.0, (reset - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return DEFAULT_WAIT_SECONDS
