"""A Bot API server, written from https://core.telegram.org/bots/api and its source.

Texts of errors are those of telegram-bot-api (Client.cpp); the rest of Telegram is plain
methods, by which a test plays the people.
"""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from menting.base import clock
from menting.cli.demo.homeserver import free_port

MOST_TEXT, MOST_CAPTION = 4096, 1024
#: setWebhook: 1-256 characters, A-Z, a-z, 0-9, _ and -.
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
DEFAULT_KINDS = ("message", "my_chat_member")


class ApiError(Exception):
    """An answer with `ok` false."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.parameters = code, parameters


@dataclass(slots=True)
class User:
    """A person."""

    id: int
    first_name: str
    username: str = ""
    is_deleted: bool = False

    def told(self) -> dict[str, Any]:
        """Return the person as the Bot API tells it."""
        return {"id": self.id, "is_bot": False, "first_name": self.first_name}


@dataclass(slots=True)
class Chat:
    """A conversation as one bot sees it."""

    id: int
    kind: str = "private"
    username: str = ""
    title: str = ""
    #: Why the bot may not write there.
    closed: str = ""
    moved_to: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """Return the chat as the Bot API tells it."""
        told: dict[str, Any] = {"id": self.id, "type": self.kind}
        more = {"username": self.username, "title": self.title}
        return told | {key: value for key, value in more.items() if value}


@dataclass(slots=True)
class Webhook:
    """Where a bot's updates are sent."""

    url: str
    secret: str
    last_error: str = ""


@dataclass(slots=True)
class Bot:
    """A bot with its waiting updates."""

    id: int
    token: str
    name: str
    username: str
    waiting: list[dict[str, Any]] = field(default_factory=list)
    chats: dict[int, Chat] = field(default_factory=dict)
    webhook: Webhook | None = None
    kinds: tuple[str, ...] = DEFAULT_KINDS
    #: What the webhook was sent: headers and body.
    called: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    numbers: Any = None
    poll: asyncio.Task[Any] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self) -> dict[str, Any]:
        """Return the bot as `getMe` tells it."""
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.name,
            "username": self.username,
            "can_join_groups": True,
        }


class FakeTelegram:
    """Bots, people and their chats; `url` is the Bot API."""

    def __init__(self) -> None:
        self.bots: dict[str, Bot] = {}
        self.users: dict[int, User] = {}
        self._ids = itertools.count(7_000_000_001)
        self._groups = itertools.count(1_000_000_001)
        self._messages = itertools.count(101)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        #: (method, parameters) of every call.
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._floods: dict[int, int] = {}

    # What a test does.

    def bot(self, name: str = "Shop") -> Bot:
        """Make a bot, as @BotFather does."""
        number = next(self._ids)
        bot = Bot(number, f"{number}:AAE-{number}_secret", name, f"shop{number}_bot")
        bot.numbers = itertools.count(number % 1_000_000)
        self.bots[bot.token] = bot
        return bot

    def user(self, first_name: str = "Lin") -> User:
        """Make a person."""
        user = User(next(self._ids), first_name)
        self.users[user.id] = user
        return user

    def place(self, bot: Bot, kind: str, *, username: str = "") -> Chat:
        """Make a supergroup or channel in which the bot is an admin."""
        number = -1_000_000_000_000 - next(self._groups)
        bot.chats[number] = Chat(number, kind, username=username, title="A place")
        return bot.chats[number]

    def write(self, bot: Bot, user: User, **content: Any) -> dict[str, Any]:
        """Let a person send a message to the bot; a text, or what is no text."""
        chat = self._private(bot, user)
        chat.closed = ""
        return self.write_in(bot, chat, user, **content)

    def write_in(self, bot: Bot, chat: Chat, user: User, **content: Any) -> dict[str, Any]:
        """Let a person send a message in a chat."""
        message = self._message(chat, {"from": self._from(user)} | content)
        self.tell(bot, message=message)
        return message

    def block(self, bot: Bot, user: User) -> None:
        """Let a person block the bot."""
        chat = self._private(bot, user)
        chat.closed = "Forbidden: bot was blocked by the user"
        self.change(bot, chat, user, before="member", after="kicked")

    def change(self, bot: Bot, chat: Chat, user: User, *, before: str, after: str) -> None:
        """Tell that the bot's own standing changed."""
        standing = self._standing(chat, user, bot.told(), before, after)
        self.tell(bot, my_chat_member=standing)

    def move(self, bot: Bot, chat: Chat, user: User, *, before: str, after: str) -> None:
        """Tell that a person came into a place or left it."""
        told = self._from(user)
        self.tell(bot, chat_member=self._standing(chat, user, told, before, after))

    def tell(self, bot: Bot, **update: Any) -> None:
        """Queue an update, or call the webhook with it."""
        [kind] = update
        if kind not in bot.kinds:
            return
        told = {"update_id": next(bot.numbers)} | update
        if bot.webhook is not None:
            headers = {"x-telegram-bot-api-secret-token": bot.webhook.secret}
            bot.called.append((headers, json.dumps(told).encode()))
            return
        bot.waiting.append(told)
        bot.news.set()

    def flood(self, chat: int, seconds: int) -> None:
        """Let the next message to a chat be too much."""
        self._floods[chat] = seconds

    def texts(self, bot: Bot, chat: int) -> list[str]:
        """Return what the bot wrote in a chat."""
        return [
            message.get("text") or message.get("caption", "")
            for message in bot.chats[chat].messages
            if message.get("from", {}).get("id") == bot.id
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeTelegram"]:
        """Serve within the block."""
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield self
        finally:
            await runner.cleanup()

    # What the Bot API does.

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
        if token not in self.bots:
            raise ApiError(401, "Unauthorized")
        return self.bots[token]

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
        bot.poll = asyncio.create_task(bot.news.wait())
        try:
            await asyncio.wait([bot.poll], timeout=seconds)
            if bot.poll is None or bot.poll.cancelled():
                raise ApiError(
                    409,
                    "Conflict: terminated by other getUpdates request; "
                    "make sure that only one bot instance is running",
                )
        finally:
            self._end_poll(bot)

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
        if chat.kind != "private":
            return chat.told()
        return chat.told() | {"first_name": self.users[chat.id].first_name}

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
        if chat.kind == "private" and self.users[chat.id].is_deleted:
            raise ApiError(403, "Forbidden: user is deactivated")
        if chat.closed:
            raise ApiError(int(_status(chat.closed)), chat.closed)
        if chat.id in self._floods:
            seconds = self._floods.pop(chat.id)
            raise ApiError(
                429, f"Too Many Requests: retry after {seconds}", retry_after=seconds
            )
        return self._message(chat, {"from": bot.told()} | content | _extras(chat, given))

    def _chat(self, bot: Bot, given: dict[str, Any]) -> Chat:
        asked = str(given.get("chat_id", ""))
        if not asked:
            raise ApiError(400, "Bad Request: chat_id is empty")
        for chat in bot.chats.values():
            if asked in (str(chat.id), f"@{chat.username}"):
                return chat
        if asked.isdecimal() and int(asked) in self.users:
            raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
        raise ApiError(400, "Bad Request: chat not found")

    def _private(self, bot: Bot, user: User) -> Chat:
        return bot.chats.setdefault(user.id, Chat(user.id))

    def _from(self, user: User) -> dict[str, Any]:
        return self.users[user.id].told()

    def _message(self, chat: Chat, content: dict[str, Any]) -> dict[str, Any]:
        message = {
            "message_id": next(self._messages),
            "date": int(clock.now().timestamp()),
            "chat": chat.told(),
        } | content
        chat.messages.append(message)
        return message

    def _standing(
        self, chat: Chat, by: User, who: dict[str, Any], before: str, after: str
    ) -> dict[str, Any]:
        return {
            "chat": chat.told(),
            "from": self._from(by),
            "date": int(clock.now().timestamp()),
            "old_chat_member": {"user": who, "status": before},
            "new_chat_member": {"user": who, "status": after},
        }


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
    return given


@pytest.fixture
def telegram() -> FakeTelegram:
    """Give a Telegram of its own to each test; `running` opens its door."""
    return FakeTelegram()
