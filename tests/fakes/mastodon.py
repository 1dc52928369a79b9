"""A Mastodon server as its documentation describes it: REST, stream, keys and limits."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from typing_extensions import override

from tests.fakes import mastodon_forms as forms
from tests.fakes.mastodon_forms import DOMAIN, ApiError, User
from tests.fakes.mastodon_people import MastodonPeople

MAX_CHARACTERS = 500
WINDOW = timedelta(minutes=5)
KEYS_FOR = timedelta(hours=1)
PAGE, MOST_PAGE = 40, 80
TOKEN_WRONG = "The access token is invalid"


class FakeMastodon(MastodonPeople):
    """One server; `calls` is what it allows one account in five minutes."""

    @override
    def routes(self) -> list[web.RouteDef]:
        ways = [
            web.get("/api/v1/accounts/verify_credentials", self._verify),
            web.get("/api/v1/accounts/lookup", self._lookup),
            web.get("/api/v1/accounts/{id}", self._account),
            web.get("/api/v1/accounts/{id}/statuses", self._statuses),
            web.get("/api/v1/instance{slash:/?}", self._instance_v1),
            web.get("/api/v2/instance{slash:/?}", self._instance),
            web.get("/api/v1/notifications", self._notifications),
            web.post("/api/v1/statuses", self._publish),
            web.delete("/api/v1/statuses/{id}", self._delete),
            web.post("/api/v2/media", self._upload),
            web.get("/api/v1/media/{id}", self._media),
        ]
        return ways + (
            [web.get("/api/v1/streaming", self._stream)] if self.streaming else []
        )

    @override
    def refuses(self, error: Exception) -> web.Response | None:
        if not isinstance(error, ApiError):
            return None
        return web.json_response(
            {"error": error.error}, status=error.status, headers=error.headers
        )

    async def _verify(self, request: web.Request) -> web.Response:
        user = self._who(request)
        return self._told(user, forms.account(user, self.url))

    async def _lookup(self, request: web.Request) -> web.Response:
        user = self._who(request)
        acct = request.query["acct"].removesuffix(f"@{DOMAIN}")
        if acct not in self.users:
            raise ApiError(404, "Record not found")
        return self._told(user, forms.account(self.users[acct], self.url))

    async def _account(self, request: web.Request) -> web.Response:
        user = self._who(request)
        return self._told(user, forms.account(self._by_id(request), self.url))

    async def _statuses(self, request: web.Request) -> web.Response:
        user, author = self._who(request), self._by_id(request)
        shown = [
            status
            for status in reversed(author.statuses)
            if author is user or status["visibility"] in ("public", "unlisted")
            if int(status["id"]) < int(request.query.get("max_id", 10**18))
        ]
        return self._told(user, shown[: min(int(request.query.get("limit", 20)), 40)])

    async def _instance(self, _request: web.Request) -> web.Response:
        statuses = {
            "max_characters": MAX_CHARACTERS,
            "max_media_attachments": 4,
            "characters_reserved_per_url": 23,
        }
        urls = {"streaming": self.url.replace("http", "ws")}
        return web.json_response(
            {
                "domain": DOMAIN,
                "version": "4.5.2",
                "api_versions": {"mastodon": 7},
                "configuration": {"urls": urls, "statuses": statuses},
            }
        )

    async def _instance_v1(self, _request: web.Request) -> web.Response:
        return web.json_response({"uri": DOMAIN, "version": "4.5.2"})

    async def _notifications(self, request: web.Request) -> web.Response:
        user, query = self._who(request), request.query
        least, types = query.get("min_id"), query.getall("types[]", [])
        since = least or query.get("since_id") or "0"
        shown = [
            notice
            for notice in user.notices
            if int(notice["id"]) > int(since)
            and (not types or notice["type"] in types)
            and (not notice["filtered"] or query.get("include_filtered") == "true")
        ]
        limit = min(int(query.get("limit", PAGE)), MOST_PAGE)
        # min_id: the page that follows at once; since_id: the newest page.
        page = (shown[:limit] if least else shown[-limit:])[::-1]
        if self.twice:
            page = [notice for notice in page for _ in range(2)]
        answer = self._told(user, [forms.shown(notice) for notice in page])
        if page:
            root = f"{self.url}/api/v1/notifications"
            answer.headers["Link"] = (
                f'<{root}?max_id={page[-1]["id"]}>; rel="next", '
                f'<{root}?min_id={page[0]["id"]}>; rel="prev"'
            )
        return answer

    async def _publish(self, request: web.Request) -> web.Response:
        user, body = self._who(request), await forms.body(request)
        key = request.headers.get("Idempotency-Key", "")
        if key in user.keys and forms.now() - user.keys[key][0] < KEYS_FOR:
            return self._told(user, user.keys[key][1])
        text, media_ids = body.get("status", ""), body.get("media_ids", [])
        visibility = body.get("visibility") or "public"
        if not (text or media_ids):
            raise ApiError(422, "Validation failed: Text can't be blank")
        if forms.weight(text) > MAX_CHARACTERS:
            raise ApiError(
                422, f"Validation failed: Text character limit of {MAX_CHARACTERS} exceeded"
            )
        if visibility not in ("public", "unlisted", "private", "direct"):
            raise ApiError(422, "Validation failed: Visibility is not included in the list")
        if any(media not in self.media for media in media_ids):
            raise ApiError(404, "Record not found")
        status = self._write(user, text, visibility)
        status["in_reply_to_id"] = body.get("in_reply_to_id")
        status["media_attachments"] = [self.media[media] for media in media_ids]
        if key:
            user.keys[key] = forms.now(), status
        return self._told(user, status)

    async def _delete(self, request: web.Request) -> web.Response:
        user = self._who(request)
        for status in user.statuses:
            if status["id"] == request.match_info["id"]:
                user.statuses.remove(status)
                return self._told(user, status)
        raise ApiError(404, "Record not found")

    async def _upload(self, request: web.Request) -> web.Response:
        user, form = self._who(request), await request.post()
        sent = form.get("file")
        if not isinstance(sent, web.FileField) or not sent.content_type.startswith(
            "image/"
        ):
            raise ApiError(
                422, "Validation failed: File content type is invalid, File is invalid"
            )
        number = str(next(self._numbers))
        self._processing[number] = self.processing
        self.media[number] = {
            "id": number,
            "type": "image",
            "url": None if self.processing else f"{self.url}/media/{number}.png",
            "description": str(form.get("description", "")) or None,
            "meta": {},
        }
        return self._told(user, self.media[number], 202 if self.processing else 200)

    async def _media(self, request: web.Request) -> web.Response:
        user, number = self._who(request), request.match_info["id"]
        if number not in self.media:
            raise ApiError(404, "Record not found")
        if self._processing[number]:
            self._processing[number] -= 1
            return self._told(user, self.media[number], 206)
        self.media[number]["url"] = f"{self.url}/media/{number}.png"
        return self._told(user, self.media[number])

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        user = self._who(request)
        assert request.query["stream"] == "user:notification"
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        user.streams.add(stream)
        try:
            async for _ in stream:
                pass
        finally:
            user.streams.discard(stream)
        return stream

    def _who(self, request: web.Request) -> User:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        for user in self.users.values() if kind == "Bearer" and token else ():
            if user.token == token:
                break
        else:
            raise ApiError(401, TOKEN_WRONG)
        if user.disabled:
            raise ApiError(403, "Your login is currently disabled")
        user.calls = [at for at in user.calls if forms.now() - at < WINDOW]
        if len(user.calls) >= self.calls:
            raise ApiError(429, "Too many requests", self._limits(user))
        user.calls.append(forms.now())
        return user

    def _by_id(self, request: web.Request) -> User:
        for user in self.users.values():
            if user.id == request.match_info["id"]:
                return user
        raise ApiError(404, "Record not found")

    def _limits(self, user: User) -> dict[str, str]:
        reset = (user.calls[0] if user.calls else forms.now()) + WINDOW
        return {
            "X-RateLimit-Limit": str(self.calls),
            "X-RateLimit-Remaining": str(self.calls - len(user.calls)),
            "X-RateLimit-Reset": forms.iso(reset),
        }

    def _told(self, user: User, told: Any, status: int = 200) -> web.Response:
        return web.json_response(told, status=status, headers=self._limits(user))


@pytest.fixture
def mastodon() -> FakeMastodon:
    """Give a fake server that is not yet running, without the limit of calls."""
    return FakeMastodon(calls=1_000_000)
