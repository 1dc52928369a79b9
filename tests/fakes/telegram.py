"""A Telegram whose people a test plays; bots call it by `telegram_api`."""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from menting.base import clock
from menting.cli.demo.homeserver import free_port
from tests.fakes.telegram_api import BotApi
from tests.fakes.telegram_state import Bot, Chat, State, User

RIGHTS = (
    *("can_be_edited", "can_manage_chat", "can_delete_messages", "can_manage_video_chats"),
    *("can_restrict_members", "can_promote_members", "can_change_info"),
    *("can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories"),
    "can_send_welcome_messages",
)


class FakeTelegram:
    """Bots, people and their chats; `url` is the Bot API."""

    def __init__(self) -> None:
        self.state = State()
        self.bots, self.users = self.state.bots, self.state.users
        self._api = BotApi(self.state)
        self._ids = itertools.count(7_000_000_001)
        self._groups = itertools.count(1_000_000_001)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.calls = self._api.calls

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
        message = self.state.message(chat, {"from": self._from(user)} | content)
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
        self.state.floods[chat] = seconds

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
        runner = web.AppRunner(
            self._api.app(), handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield self
        finally:
            await runner.cleanup()

    def _private(self, bot: Bot, user: User) -> Chat:
        return bot.chats.setdefault(user.id, Chat(user.id))

    def _from(self, user: User) -> dict[str, Any]:
        return self.users[user.id].told()

    def _standing(
        self, chat: Chat, by: User, who: dict[str, Any], before: str, after: str
    ) -> dict[str, Any]:
        return {
            "chat": chat.told(),
            "from": self._from(by),
            "date": int(clock.now().timestamp()),
            "old_chat_member": _member(who, before),
            "new_chat_member": _member(who, after),
        }


def _member(who: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a ChatMember with the fields that its status must have."""
    told: dict[str, Any] = {"user": who, "status": status}
    if status == "kicked":
        told["until_date"] = 0
    if status == "administrator":
        told |= dict.fromkeys(RIGHTS, True) | {"is_anonymous": False}
    return told


@pytest.fixture
def telegram() -> FakeTelegram:
    """Give a Telegram of its own to each test; `running` opens its door."""
    return FakeTelegram()
