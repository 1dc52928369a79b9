"""Call WeCom's API as one app, by a token that all accounts of the app share."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from menting.base import clock
from menting.channels import base
from menting.channels.http import Answer, Http, proven_not_sent
from menting.channels.wecom import errors

#: Renewed before the end of its 7,200 s; the platform gives the same one until then.
EARLY_SECONDS = 300.0
LIFE_SECONDS = 7200.0


@dataclass(frozen=True, slots=True)
class App:
    """One app of one corp, at one host of the API."""

    api: str
    corp: str
    secret: str = field(repr=False)


class Tokens:
    """The access tokens by app: asked for rarely (path/91039), one call at a time."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[App, tuple[str, float]] = {}
        self._asking: defaultdict[App, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, app: App, *, refused: str = "") -> str:
        """Return a token that is not `refused`.

        Raises AuthFailed, Throttled and Unreachable.
        """
        async with self._asking[app]:
            token, until = self._known.get(app, ("", 0.0))
            # Whoever waited here finds what the first one brought.
            if not token or token == refused or clock.now().timestamp() > until:
                with proven_not_sent():
                    token = await self._ask(app)
            return token

    async def _ask(self, app: App) -> str:
        query = {"corpid": app.corp, "corpsecret": app.secret}
        url = URL(app.api + "/cgi-bin/gettoken").with_query(query)
        told = _object(await ask(self._http, "GET", url, hidden=app.secret))
        code, token = told.get("errcode"), told.get("access_token")
        if code in errors.STALE:
            raise base.AuthFailed(f"{code}: the app's secret is not accepted")
        if code:
            error = errors.error_of(int(code))
            if isinstance(error, base.Refused):
                raise base.AuthFailed(str(error)) from None
            raise error
        if not isinstance(token, str) or not token:
            raise base.Uncertain("the platform gave no token")
        life = told.get("expires_in")
        life = float(life) if isinstance(life, int) else LIFE_SECONDS
        self._known[app] = token, clock.now().timestamp() + life - EARLY_SECONDS
        return token


class Wire:
    """The API as one app sees it."""

    def __init__(self, http: Http, tokens: Tokens, app: App) -> None:
        self._http, self._tokens, self.app = http, tokens, app

    async def call(
        self,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """POST `json` (GET where there is none) and return the answer.

        A token that is no longer taken is renewed once. Raises Unreachable, Uncertain,
        Throttled, Refused (an `errors.CodeError`) and AuthFailed.
        """
        method = "GET" if json is None else "POST"

        async def _try(token: str) -> dict[str, Any]:
            return await self._ask(method, self._url(path, query, token), token, json=json)

        return await self._twice(_try)

    async def upload(
        self, path: str, image: base.Image, *, query: Mapping[str, str]
    ) -> dict[str, Any]:
        """POST a picture and return the answer. Raises as `call` does."""

        async def _try(token: str) -> dict[str, Any]:
            form = aiohttp.FormData()  # good for one request
            form.add_field(
                "media",
                image.content,
                filename="picture",
                content_type=image.media_type,
            )
            return await self._ask("POST", self._url(path, query, token), token, data=form)

        return await self._twice(_try)

    async def _twice(
        self, attempt: Callable[[str], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        token = await self._tokens.get(self.app)
        told = await attempt(token)
        if told.get("errcode") in errors.STALE:
            told = await attempt(await self._tokens.get(self.app, refused=token))
        code = told.get("errcode", 0)
        if code in errors.STALE:
            raise base.AuthFailed(f"{code}: the platform refuses its own new token")
        if code:
            raise errors.error_of(int(code))
        return told

    def _url(self, path: str, query: Mapping[str, str] | None, token: str) -> URL:
        # The platform takes tokens in the address only.
        whole = {**(query or {}), "access_token": token}
        return URL(f"{self.app.api}/cgi-bin/{path}").with_query(whole)

    async def _ask(self, method: str, url: URL, token: str, **rest: Any) -> dict[str, Any]:
        return _object(await ask(self._http, method, url, hidden=token, **rest))


async def ask(http: Http, method: str, url: URL, *, hidden: str, **rest: Any) -> Answer:
    """Ask, and keep `hidden` out of what an error says of the address."""
    try:
        return await http.ask(method, url, **rest)
    except (base.Unreachable, base.Uncertain) as error:
        # Without its cause as well: a traceback would print the address.
        raise type(error)(str(error).replace(hidden, "…")) from None


def objects(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer."""
    listed = told.get(name)
    found = listed if isinstance(listed, list) else []
    return [item for item in found if isinstance(item, dict)]


def profile_of(
    person: str, shown: Mapping[str, Any], *, name: str, corp: str = ""
) -> base.Profile:
    """Return what the platform shows of somebody, whose name stands in the field `name`."""
    called, avatar = shown.get(name), shown.get("avatar")
    return base.Profile(
        person,
        name=called if isinstance(called, str) and called else None,
        avatar=avatar if isinstance(avatar, str) and avatar else None,
        scope=corp,
    )


def _object(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    if answer.status != 200 or told is None:
        # The platform answers every refusal with 200 and a code.
        raise base.Uncertain(f"status {answer.status} without a usable answer")
    if not isinstance(told.get("errcode", 0), int):
        raise base.Uncertain("the platform's answer has another form")
    return told
