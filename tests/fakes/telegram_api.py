"""A Bot API server, written from https://core.telegram.org/bots/api and its source.

Texts of errors are those of telegram-bot-api (Client.cpp).
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.fakes.telegram_state import DEFAULT_KINDS, Bot, Chat, State, Webhook

MOST_TEXT, MOST_CAPTION = 4096, 1024
#: setWebhook: 1-256 characters, A-Z, a-z, 0-9, _ and -.
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
#: ChatFullInfo has these of every chat.
FULL_INFO = {
    "accent_color_id": 0,
    "max_reaction_count": 11,
    "accepted_gift_types": {
        "unlimited_gifts": False,
        "limited_gifts": False,
        "unique_gifts": False,
        "premium_subscription": False,
        "gifts_from_channels": False,
    },
}


class ApiError(Exception):
    """An answer with `ok` false."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.parameters = code, parameters


class BotApi:
    """The calls of bots; what happens is kept in the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        #: (method, parameters) of every call.
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            bot = self._bot(request.match_info["token"])
            method = request.match_info["method"]
            given = await _parameters(request)
            self.calls.append((method, given))
            result = await self._method(method)(bot, given)
        except ApiError as error:
            told = {"ok": False, "error_code": error.code, "description": str(error)}
            if error.parameters:
                told["parameters"] = error.parameters
            return web.json_response(told, status=error.code)
        return web.json_response({"ok": True, "result": result})

    def _bot(self, token: str) -> Bot:
        if not re.fullmatch(r"\d+:[\w-]{10,}", token):
            raise ApiError(404, "Not Found")
        if token not in self._state.bots:
            raise ApiError(401, "Unauthorized")
        return self._state.bots[token]

    def _method(self, name: str) -> Callable[[Bot, dict[str, Any]], Awaitable[Any]]:
        methods: dict[str, Callable[[Bot, dict[str, Any]], Awaitable[Any]]] = {
            "getMe": self._get_me,
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
            "getChat": self._get_chat,
            "sendMessage": self._send_message,
            "sendPhoto": self._send_photo,
        }
        if name not in methods:
            raise ApiError(404, "Not Found: method not found")
        return methods[name]

    async def _get_me(self, bot: Bot, _given: dict[str, Any]) -> dict[str, Any]:
        return bot.told()

    async def _get_updates(self, bot: Bot, given: dict[str, Any]) -> list[dict[str, Any]]:
        if bot.webhook is not None:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        self._end_poll(bot)
        bot.kinds = tuple(_given_json(given, "allowed_updates") or bot.kinds)
        offset, limit = int(given.get("offset", 0)), int(given.get("limit", 100))
        bot.waiting = [told for told in bot.waiting if told["update_id"] >= offset]
        if not bot.waiting and (wait := float(given.get("timeout", 0))):
            await self._wait(bot, wait)
        return bot.waiting[:limit]

    async def _wait(self, bot: Bot, seconds: float) -> None:
        bot.news.clear()
        poll = bot.poll = asyncio.create_task(bot.news.wait())
        try:
            await asyncio.wait([poll], timeout=seconds)
            if poll.cancelled():
                raise ApiError(
                    409,
                    "Conflict: terminated by other getUpdates request; "
                    "make sure that only one bot instance is running",
                )
        finally:
            poll.cancel()

    def _end_poll(self, bot: Bot) -> None:
        if bot.poll is not None:
            bot.poll.cancel()
            bot.poll = None

    async def _set_webhook(self, bot: Bot, given: dict[str, Any]) -> bool:
        url, secret = str(given.get("url", "")), str(given.get("secret_token", ""))
        if not url.startswith("https://"):
            raise ApiError(
                400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
            )
        if secret and not SECRET.fullmatch(secret):
            raise ApiError(400, "Bad Request: secret token contains unallowed characters")
        bot.kinds = tuple(_given_json(given, "allowed_updates") or DEFAULT_KINDS)
        bot.webhook = Webhook(url, secret)
        return True

    async def _delete_webhook(self, bot: Bot, _given: dict[str, Any]) -> bool:
        bot.webhook = None
        return True

    async def _get_webhook_info(self, bot: Bot, _given: dict[str, Any]) -> dict[str, Any]:
        told = {
            "url": bot.webhook.url if bot.webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(bot.waiting),
        }
        if bot.webhook and bot.webhook.last_error:
            told["last_error_message"] = bot.webhook.last_error
        return told

    async def _get_chat(self, bot: Bot, given: dict[str, Any]) -> dict[str, Any]:
        chat = self._chat(bot, given)
        told = chat.told() | FULL_INFO
        if chat.kind == "private":
            told["first_name"] = self._state.users[chat.id].first_name
        return told

    async def _send_message(self, bot: Bot, given: dict[str, Any]) -> dict[str, Any]:
        text = str(given.get("text", ""))
        if not text.strip():
            raise ApiError(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > MOST_TEXT:
            raise ApiError(400, "Bad Request: message is too long")
        return self._send(bot, given, {"text": text})

    async def _send_photo(self, bot: Bot, given: dict[str, Any]) -> dict[str, Any]:
        caption = str(given.get("caption", ""))
        if not isinstance(given.get("photo"), bytes):
            raise ApiError(400, "Bad Request: there is no photo in the request")
        if len(caption.encode("utf-16-le")) // 2 > MOST_CAPTION:
            raise ApiError(400, "Bad Request: message caption is too long")
        size = len(given["photo"])
        photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
        photo[0]["file_size"] = size
        return self._send(bot, given, {"photo": photo, "caption": caption})

    def _send(
        self, bot: Bot, given: dict[str, Any], content: dict[str, Any]
    ) -> dict[str, Any]:
        chat = self._chat(bot, given)
        if chat.moved_to:
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=chat.moved_to,
            )
        if chat.kind == "private" and self._state.users[chat.id].is_deleted:
            raise ApiError(403, "Forbidden: user is deactivated")
        if chat.closed:
            raise ApiError(int(_status(chat.closed)), chat.closed)
        if chat.id in self._state.floods:
            seconds = self._state.floods.pop(chat.id)
            raise ApiError(
                429, f"Too Many Requests: retry after {seconds}", retry_after=seconds
            )
        return self._state.message(
            chat, {"from": bot.told()} | content | _extras(chat, given)
        )

    def _chat(self, bot: Bot, given: dict[str, Any]) -> Chat:
        asked = str(given.get("chat_id", ""))
        if not asked:
            raise ApiError(400, "Bad Request: chat_id is empty")
        for chat in bot.chats.values():
            if asked in (str(chat.id), f"@{chat.username}"):
                return chat
        if asked.isdecimal() and int(asked) in self._state.users:
            raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
        raise ApiError(400, "Bad Request: chat not found")


def _extras(chat: Chat, given: dict[str, Any]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if markup := _given_json(given, "reply_markup"):
        for row in markup["inline_keyboard"]:
            for button in row:
                if not re.match(r"https?://|tg://", button["url"]):
                    raise ApiError(
                        400, "Bad Request: inline keyboard button URL is invalid"
                    )
        extras["reply_markup"] = markup
    if reply := _given_json(given, "reply_parameters"):
        number = reply["message_id"]
        found = [one for one in chat.messages if one["message_id"] == number]
        if not found and not reply.get("allow_sending_without_reply"):
            raise ApiError(400, "Bad Request: message to be replied not found")
        if found:
            extras["reply_to_message"] = {**found[0], "reply_to_message": None}
    return extras


def _given_json(given: dict[str, Any], name: str) -> Any:
    """Forms carry objects as JSON in a string."""
    value = given.get(name)
    return json.loads(value) if isinstance(value, str) and value else value


def _status(description: str) -> str:
    return "403" if description.startswith("Forbidden") else "400"


async def _parameters(request: web.Request) -> dict[str, Any]:
    """Accept all four ways: query, form, JSON and multipart."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        given |= await request.json()
    else:
        for name, value in (await request.post()).items():
            given[name] = value.file.read() if isinstance(value, web.FileField) else value
    for name, value in given.items():
        if isinstance(value, str) and value.startswith("attach://"):
            given[name] = given.get(value.removeprefix("attach://"))
    return given
