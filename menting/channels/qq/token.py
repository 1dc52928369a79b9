"""A bot's access token: asked for once, renewed early, shared by all that needs it."""

import asyncio
from typing import Any

from menting.channels import base
from menting.channels.http import Http, proven_not_sent

#: In a token's last 60 s QQ gives out the next one, and the old one stays good: asked
#: earlier, it would only repeat the same.
RENEW_SECONDS = 50.0
#: QQ names no wait with 100001 "too many requests".
BUSY_SECONDS = 30.0

TOO_MANY = 100001
#: 10004 no such bot, 100007 appid not valid or closed, 100016 wrong appid or secret.
REFUSED = frozenset({10004, 100007, 100016})


class AccessToken:
    """The token of one bot."""

    __slots__ = ("_ends_at", "_http", "_lock", "_token", "_url", "appid", "secret")

    def __init__(self, http: Http, api: str, *, appid: str, secret: str) -> None:
        self._http, self._url = http, f"{api}/app/getAppAccessToken"
        self.appid, self.secret = appid, secret
        self._token, self._ends_at = "", 0.0
        self._lock = asyncio.Lock()

    async def get(self, *, refused: str = "") -> str:
        """Return a token that is good for a while; another one than `refused`.

        Raises AuthFailed, Throttled and Unreachable.
        """
        if self._is_good(refused):
            return self._token
        async with self._lock:
            # Whoever waited finds what the first one fetched.
            if not self._is_good(refused):
                await self._fetch()
        return self._token

    def seconds_left(self) -> float:
        """Return for how long `get` needs no call."""
        left = self._ends_at - RENEW_SECONDS - asyncio.get_running_loop().time()
        return max(0.0, left)

    def _is_good(self, refused: str) -> bool:
        return bool(self._token) and self._token != refused and self.seconds_left() > 0

    async def _fetch(self) -> None:
        body = {"appId": self.appid, "clientSecret": self.secret}
        with proven_not_sent():
            answer = await self._http.ask("POST", self._url, json=body)
        told = answer.json() or {}
        token, lasts = told.get("access_token"), _seconds(told.get("expires_in"))
        if not isinstance(token, str) or not token or lasts <= 0:
            raise _refusal(answer.status, told)
        self._token = token
        self._ends_at = asyncio.get_running_loop().time() + lasts


def _seconds(expires_in: object) -> float:
    """Return seconds; QQ writes a number as a string: "7200"."""
    try:
        return float(str(expires_in))
    except ValueError:
        return 0.0


def _refusal(status: int, told: dict[str, Any]) -> base.ChannelError:
    """Return what an answer without a token means, which may have HTTP status 200."""
    code = told.get("code")
    if code in REFUSED:
        return base.AuthFailed(f"QQ does not accept appid and secret (code {code})")
    if code == TOO_MANY or status == 429:
        return base.Throttled("too many sign-ins", retry_after=BUSY_SECONDS)
    return base.Unreachable(f"no access token: status {status}, code {code}")
