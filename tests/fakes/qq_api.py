"""QQ's open API as of September 2026: what bots call, and what they are answered."""

import base64
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from menting.base import clock
from tests.fakes.qq_gateway import Gateway
from tests.fakes.qq_messages import Message, Place, RefusedError, judge

TOKEN_SECONDS = 7200
#: Within the last minute of a token the next one is given out.
OVERLAP_SECONDS = 60


@dataclass(slots=True)
class Bot:
    """A bot with all that QQ keeps of it."""

    appid: str
    secret: str
    name: str
    #: Intents that it may ask for.
    granted: int = (1 << 31) - 1
    is_banned: bool = False
    tokens: dict[str, float] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    forums: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    webhook: str = ""
    gateway: Gateway = field(default_factory=Gateway)

    def place(self, kind: str, number: str) -> Place:
        """Return a place where the bot is, made at the first call."""
        return self.places.setdefault(f"{kind}:{number}", Place(kind, number))

    def sign(self, message: bytes) -> str:
        """Sign as QQ does: the seed is the secret, repeated."""
        seed = (self.secret.encode() * 32)[:32]
        return Ed25519PrivateKey.from_private_bytes(seed).sign(message).hex()


class OpenApi:
    """The API of all bots, at one address."""

    def __init__(self, url: str) -> None:
        self.bots: dict[str, Bot] = {}
        self.url = url
        #: (method, path, body) of every call that writes.
        self.calls: list[tuple[str, str, Any]] = []
        #: How far the platform's clock is ahead of ours.
        self.ahead = timedelta(0)
        self._numbers = itertools.count(1)

    def routes(self, app: web.Application) -> None:
        """Answer the documented calls."""
        app.router.add_post("/app/getAppAccessToken", self._token)
        routes: dict[tuple[str, str], Api] = {
            ("GET", "/gateway"): self._gateway,
            ("GET", "/gateway/bot"): self._gateway,
            ("GET", "/users/@me"): self._me,
            ("POST", "/v2/users/{c2c}/messages"): self._message,
            ("POST", "/v2/groups/{group}/messages"): self._message,
            ("POST", "/channels/{channel}/messages"): self._message,
            ("POST", "/dms/{dm}/messages"): self._message,
            ("POST", "/v2/users/{c2c}/files"): self._file,
            ("POST", "/v2/groups/{group}/files"): self._file,
            ("PUT", "/channels/{channel}/threads"): self._thread,
            ("POST", "/v2/generate_url_link"): self._link,
        }
        for (method, path), api in routes.items():
            app.router.add_route(method, path, self._as_bot(api))

    async def _token(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.calls.append(("POST", request.path, asked))
        bot = self.bots.get(asked.get("appId"))
        # Both with HTTP status 200, as the platform does.
        if bot is None:
            return web.json_response({"code": 100007, "message": "appid invalid"})
        if bot.secret != asked.get("clientSecret"):
            return web.json_response({"code": 100016, "message": "invalid appid or secret"})
        now = self.seconds()
        good = [t for t, end in bot.tokens.items() if end > now + OVERLAP_SECONDS]
        token = good[0] if good else f"token-{bot.appid}-{next(self._numbers)}"
        ends_at = bot.tokens.setdefault(token, now + TOKEN_SECONDS)
        left = str(int(ends_at - now))
        return web.json_response({"access_token": token, "expires_in": left})

    def _as_bot(self, api: "Api") -> Callable[[web.Request], Awaitable[web.Response]]:
        async def _handle(request: web.Request) -> web.Response:
            bot = self.by_token(request.headers.get("Authorization", ""))
            if bot is None:
                return _refusal(401, 11244, "token not exist or expire")
            asked = await request.json() if request.can_read_body else {}
            if request.method != "GET":
                self.calls.append((request.method, request.path, asked))
            try:
                status, told = api(bot, request, asked)
            except RefusedError as refused:
                return _refusal(refused.status, refused.code, str(refused))
            return web.json_response(told, status=status)

        return _handle

    def by_token(self, authorization: str) -> Bot | None:
        """Return whose token that is, if it is good."""
        scheme, _, token = authorization.partition(" ")
        appid = token.split("-")[1] if token.count("-") == 2 else ""
        bot = self.bots.get(appid)
        is_good = bot is not None and bot.tokens.get(token, 0) > self.seconds()
        return bot if is_good and scheme == "QQBot" else None

    def _gateway(self, _bot: Bot, request: web.Request, _asked: Any) -> "Answer":
        told = {"url": f"{self.url.replace('http', 'ws')}/websocket/"}
        if request.path == "/gateway":
            return 200, told
        limit = {"total": 1000, "remaining": 999, "reset_after": 86400000}
        limit["max_concurrency"] = 1
        return 200, {**told, "shards": 1, "session_start_limit": limit}

    def _me(self, bot: Bot, _request: web.Request, _asked: Any) -> "Answer":
        return 200, {"id": f"9{bot.appid}", "username": bot.name, "avatar": ""}

    def _message(self, bot: Bot, request: web.Request, asked: Any) -> "Answer":
        [(kind, number)] = request.match_info.items()
        place = bot.places.get(f"{kind}:{number}") or Place(kind, number, is_open=False)
        now = clock.now() + self.ahead
        judge(place, asked, files=bot.files, now=now)
        if place.is_reviewed:
            audit = {"audit_id": f"audit-{next(self._numbers)}"}
            told = {"code": 304023, "err_code": 304023, "message": "waiting for audit"}
            return 202, {**told, "data": {"message_audit": audit}}
        message = Message(f"ROBOT1.0_{next(self._numbers)}", asked)
        place.messages.append(message)
        ref = {"ref_idx": f"REFIDX_{message.id}"}
        told = {"id": message.id, "timestamp": now.isoformat(timespec="seconds")}
        return 200, {**told, "ext_info": ref}

    def _file(self, bot: Bot, request: web.Request, asked: Any) -> "Answer":
        if asked.get("file_type") not in (1, 2, 3, 4) or asked.get("srv_send_msg"):
            raise RefusedError(40034004, "file")
        base64.b64decode(asked["file_data"], validate=True)
        [kind] = request.match_info
        file = f"{kind}-file-{next(self._numbers)}"
        bot.files.add(file)
        return 200, {"file_uuid": file, "file_info": file, "ttl": 3600}

    def _thread(self, bot: Bot, request: web.Request, asked: Any) -> "Answer":
        forum = bot.forums.get(request.match_info["channel"])
        if (
            forum is None
            or not asked.get("title")
            or asked.get("format") not in range(1, 5)
        ):
            raise RefusedError(11253, "no permission", status=403)
        forum.append(asked)
        task = f"task-{next(self._numbers)}"
        return 200, {"task_id": task, "create_time": str(self.seconds())}

    def _link(self, bot: Bot, _request: web.Request, asked: Any) -> "Answer":
        code = asked.get("callback_data", "")
        if len(code) > 32:
            raise RefusedError(10001, "callback_data too long")
        url = (
            f"https://qun.qq.com/qunpro/robot/qunshare?robot_appid={bot.appid}&data={code}"
        )
        return 200, {"retcode": 0, "msg": "success", "data": {"url": url}}

    def seconds(self) -> int:
        return int((clock.now() + self.ahead).timestamp())


Answer = tuple[int, dict[str, Any]]
Api = Callable[[Bot, web.Request, Any], Answer]


def _refusal(status: int, code: int, words: str) -> web.Response:
    told = {"message": words, "code": code, "err_code": code, "trace_id": "trace"}
    return web.json_response(told, status=status)
