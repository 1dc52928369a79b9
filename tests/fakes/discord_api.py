"""Discord's HTTP API, version 10, from https://docs.discord.com/developers."""

import itertools
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.discord_state import (
    ANNOUNCEMENTS,
    FORUM,
    TEXT,
    THREAD,
    Bot,
    Channel,
    State,
)

#: Messages to a channel: five in five seconds, as Discord's own example has it.
LIMIT, WINDOW_SECONDS = 5, 5.0
MOST_CONTENT, MOST_NONCE = 2_000, 25
MESSAGES = {
    50001: "Missing Access",
    50007: "Cannot send messages to this user",
    50013: "Missing Permissions",
    50278: "Cannot send messages to this user due to having no mutual guilds",
    10003: "Unknown Channel",
    10013: "Unknown User",
    50035: "Invalid Form Body",
    50006: "Cannot send an empty message",
    40333: "internal network error",
}
STATUS = {10003: 404, 10013: 404, 50035: 400, 50006: 400}


class ApiError(Exception):
    """An answer with a JSON error code."""

    def __init__(self, code: int, status: int = 0) -> None:
        super().__init__(MESSAGES.get(code, "401: Unauthorized"))
        self.code, self.status = code, status or STATUS.get(code, 403)


@dataclass(slots=True)
class _Window:
    left: int
    ends: float


@dataclass(frozen=True, slots=True)
class Call:
    """What a client asked."""

    bot: Bot
    id: str
    given: dict[str, Any]
    files: dict[str, bytes]


Do = Callable[[Call], Awaitable[dict[str, Any]]]


class DiscordApi:
    """The calls of bots; what happens is kept in the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._windows: dict[tuple[str, str], _Window] = {}
        #: "METHOD path" of every call.
        self.calls: list[str] = []
        self.gateway_url = ""

    def add_to(self, app: web.Application) -> None:
        """Put the routes into a server."""
        routes: list[tuple[str, str, Do]] = [
            ("GET", "/users/@me", self._me),
            ("GET", "/users/{id}", self._user),
            ("GET", "/gateway/bot", self._gateway),
            ("GET", "/channels/{id}", self._channel),
            ("POST", "/channels/{id}/messages", self._message),
            ("POST", "/channels/{id}/threads", self._thread),
        ]
        for method, path, do in routes:
            app.router.add_route(method, f"/api/v10{path}", self._handler(do))

    def _handler(self, do: Do) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def _handle(request: web.Request) -> web.Response:
            self.calls.append(f"{request.method} {request.path}")
            headers: dict[str, str] = {}
            try:
                call = await self._call(request)
                if request.method == "POST":
                    headers = self._spend(call)
                    if "Retry-After" in headers:
                        return _too_many(headers)
                return web.json_response(await do(call), headers=headers)
            except ApiError as error:
                told = {"message": str(error), "code": error.code}
                return web.json_response(told, status=error.status, headers=headers)

        return _handle

    async def _call(self, request: web.Request) -> Call:
        if not request.headers.get("User-Agent", "").startswith("DiscordBot ("):
            raise ApiError(40333)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bot = self._state.bots.get(token)
        if scheme != "Bot" or bot is None:
            raise ApiError(0, 401)
        given, files = await _body(request)
        return Call(bot, request.match_info.get("id", ""), given, files)

    def _spend(self, call: Call) -> dict[str, str]:
        now = time.monotonic()
        key = call.bot.token, call.id
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = _Window(LIMIT, now + WINDOW_SECONDS)
        headers = {
            "X-RateLimit-Limit": str(LIMIT),
            "X-RateLimit-Remaining": str(max(0, window.left - 1)),
            "X-RateLimit-Reset": f"{time.time() + window.ends - now:.3f}",
            "X-RateLimit-Reset-After": f"{window.ends - now:.3f}",
            "X-RateLimit-Bucket": "80c17d2f203122d936070c88c8d10f33",
        }
        if window.left <= 0:
            wait = f"{window.ends - now:.3f}"
            return headers | {"Retry-After": wait, "X-RateLimit-Scope": "user"}
        window.left -= 1
        return headers

    async def _me(self, call: Call) -> dict[str, Any]:
        return call.bot.user.told() | {"verified": True, "mfa_enabled": False}

    async def _user(self, call: Call) -> dict[str, Any]:
        if call.id not in self._state.users:
            raise ApiError(10013)
        return self._state.users[call.id].told()

    async def _gateway(self, call: Call) -> dict[str, Any]:
        return {
            "url": self.gateway_url,
            "shards": 1,
            "session_start_limit": {
                "total": 1_000,
                "remaining": max(0, call.bot.starts),
                "reset_after": 14_400_000,
                "max_concurrency": 1,
            },
        }

    async def _channel(self, call: Call) -> dict[str, Any]:
        return self._found(call).told()

    async def _message(self, call: Call) -> dict[str, Any]:
        channel = self._found(call)
        if channel.kind == FORUM:
            raise ApiError(50035)
        nonce = call.given.get("nonce")
        if nonce is not None and (not isinstance(nonce, str) or len(nonce) > MOST_NONCE):
            raise ApiError(50035)
        if channel.closed:
            raise ApiError(channel.closed)
        is_enforced = call.given.get("enforce_nonce") is True and nonce
        if is_enforced and (before := call.bot.remembered(str(nonce))):
            return before
        message = self._put(call, channel, call.given)
        if is_enforced:
            call.bot.nonces[str(nonce)] = (message, time.monotonic())
        return message | ({"nonce": nonce} if nonce else {})

    async def _thread(self, call: Call) -> dict[str, Any]:
        forum = self._found(call)
        name = call.given.get("name")
        if forum.kind != FORUM or not isinstance(name, str) or not 1 <= len(name) <= 100:
            raise ApiError(50035)
        thread = Channel(self._state.snowflake(), THREAD, forum.guild, name)
        message = self._put(call, thread, call.given["message"])
        forum.threads.append(thread)
        archive = {
            "archived": False,
            "auto_archive_duration": 1440,
            "archive_timestamp": message["timestamp"],
            "locked": False,
        }
        told = thread.told() | {"parent_id": forum.id, "owner_id": call.bot.user.id}
        counts = {"message_count": 0, "member_count": 1, "total_message_sent": 0}
        return told | counts | {"thread_metadata": archive, "message": message}

    def _found(self, call: Call) -> Channel:
        if not re.fullmatch(r"\d{1,20}", call.id):
            raise ApiError(50035)
        if call.id not in call.bot.channels:
            raise ApiError(10003)
        return call.bot.channels[call.id]

    def _put(self, call: Call, channel: Channel, given: dict[str, Any]) -> dict[str, Any]:
        content = given.get("content", "")
        if not (content.strip() or call.files):
            raise ApiError(50006)
        if len(content) > MOST_CONTENT:
            raise ApiError(50035)
        components = _numbered(given.get("components") or [])
        shown = {"content": content, "components": components, "attachments": []}
        for number, about in enumerate(given.get("attachments") or []):
            picture = call.files[f"files[{number}]"]
            shown["attachments"].append(self._attachment(about, picture))
        if answered := given.get("message_reference"):
            shown |= _reference(channel, answered)
        if channel.kind in (TEXT, ANNOUNCEMENTS, THREAD):
            shown["guild_id"] = channel.guild
        return self._state.message(channel, call.bot.user, **shown)

    def _attachment(self, about: dict[str, Any], content: bytes) -> dict[str, Any]:
        url = "https://cdn.discordapp.com/attachments/1/2/picture"
        return {
            "id": self._state.snowflake(),
            "filename": about.get("filename", "picture"),
            "description": about.get("description"),
            "size": len(content),
            "url": url,
            "proxy_url": url,
        }


def _reference(channel: Channel, answered: dict[str, Any]) -> dict[str, Any]:
    """Quote a message of the channel, or none where that is allowed."""
    number = str(answered["message_id"])
    if any(one["id"] == number for one in channel.messages):
        about = {"type": 0, "message_id": number, "channel_id": channel.id}
        return {"type": 19, "message_reference": about}
    if answered.get("fail_if_not_exists", True):
        raise ApiError(50035)
    return {}


def _numbered(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give rows and buttons the ids that Discord gives them, one after the other."""
    _check(components)
    serial = itertools.count(1)
    return [
        {
            "id": next(serial),
            "type": 1,
            "components": [one | {"id": next(serial)} for one in row["components"]],
        }
        for row in components
    ]


def _check(components: list[dict[str, Any]]) -> None:
    """Refuse rows and buttons of another form than documented."""
    if len(components) > 5:
        raise ApiError(50035)
    for row in components:
        buttons = row["components"]
        if row["type"] != 1 or not 1 <= len(buttons) <= 5:
            raise ApiError(50035)
        for button in buttons:
            is_link = button["type"] == 2 and button["style"] == 5
            if not is_link or not re.match(r"https?://", button["url"]):
                raise ApiError(50035)
            if not 1 <= len(button["label"]) <= 80:
                raise ApiError(50035)


def _too_many(headers: dict[str, str]) -> web.Response:
    told = {
        "message": "You are being rate limited.",
        "retry_after": float(headers["X-RateLimit-Reset-After"]),
        "global": False,
    }
    return web.json_response(told, status=429, headers=headers)


async def _body(request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Accept JSON, or a form whose `payload_json` has it."""
    if request.method == "GET":
        return {}, {}
    if request.content_type == "application/json":
        return await request.json(), {}
    given: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField) and name != "payload_json":
            files[name] = value.file.read()
        elif isinstance(value, web.FileField):
            given = json.loads(value.file.read())
        elif name == "payload_json":
            given = json.loads(value)
    return given, files
