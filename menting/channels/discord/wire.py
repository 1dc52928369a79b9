"""Call Discord's API as one bot and map each refusal to a channel's error."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from menting.channels import base
from menting.channels.discord.limits import BadRequests, Buckets, Route
from menting.channels.http import MOST_REASON, Answer, Http, seconds_of

#: "Cannot send messages to this user": they blocked the bot or turned messages off.
WITHDRAWALS = frozenset({50007})
#: Refusals that pass: the API is overloaded, or an address of ours is looked at.
PASSING = frozenset({40333, 130000})


class Wire:
    """One bot, called over the connections that all sessions share."""

    def __init__(
        self, http: Http, api: str, token: str, bad: BadRequests, *, agent: str
    ) -> None:
        self._http, self._root, self._bad = http, api.rstrip("/"), bad
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": agent}
        self._buckets = Buckets()

    async def call(
        self,
        route: Route,
        body: Mapping[str, Any] | None = None,
        *,
        form: aiohttp.FormData | None = None,
    ) -> dict[str, Any]:
        """Send one request and return its JSON object; `form` carries files.

        Raises Unreachable, Uncertain, Throttled, Refused and AuthFailed.
        """
        self._bad.check()
        self._buckets.spend(route)
        content: dict[str, Any] = {"data": form} if form is not None else {"json": body}
        answer = await self._http.ask(
            route.method, self._root + route.path, headers=self._headers, **content
        )
        self._buckets.learn(route, answer.headers)
        told = answer.json()
        if 200 <= answer.status < 300 and told is not None:
            return told
        raise self._error(route, answer, told)

    def _error(
        self, route: Route, answer: Answer, told: dict[str, Any] | None
    ) -> base.ChannelError:
        is_shared = answer.headers.get("X-RateLimit-Scope") == "shared"
        if answer.status in (401, 403, 429) and not is_shared:
            self._bad.count()
        if answer.status == 429:
            return self._throttled(route, answer, told)
        if answer.status < 300 or answer.status >= 500:
            return base.Uncertain(f"status {answer.status} without a usable answer")
        if answer.status == 401:
            return base.AuthFailed("Discord does not accept the token")
        return _refusal(answer.status, told)

    def _throttled(
        self, route: Route, answer: Answer, told: dict[str, Any] | None
    ) -> base.Throttled:
        # What is no JSON comes from Cloudflare, which shuts the whole IP out.
        is_global = told is None or told.get("global") is True
        asked = (told or {}).get("retry_after")
        wait = seconds_of(answer.headers.get("Retry-After") if asked is None else asked)
        self._buckets.close(route, wait, is_global=is_global)
        of_peer = bool(route.place) and not is_global
        return base.Throttled("Discord asks to wait", retry_after=wait, of_peer=of_peer)


def _refusal(status: int, told: dict[str, Any] | None) -> base.Refused:
    code = (told or {}).get("code")
    if told is None or not isinstance(code, int) or code == 0:
        return base.Refused(f"status {status}, and no code of Discord", permanent=False)
    reason = f"{code}: {told.get('message', '')}"[:MOST_REASON]
    return base.Refused(
        reason, permanent=code not in PASSING, withdraws=code in WITHDRAWALS
    )
