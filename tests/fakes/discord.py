"""A Discord whose people a test plays; bots call its API and listen to its gateway."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from menting.cli.demo.homeserver import free_port
from tests.fakes.discord_api import DiscordApi
from tests.fakes.discord_gateway import FakeGateway
from tests.fakes.discord_state import DM, MEMBERS, Bot, Channel, State, User

DIRECT_MESSAGES, GUILD_MESSAGES = 1 << 12, 1 << 9


class FakeDiscord:
    """Bots, people and their channels; `url` is where the API and the gateway are."""

    def __init__(self) -> None:
        self.state = State()
        self.bots, self.users = self.state.bots, self.state.users
        self.api, self.gateway = DiscordApi(self.state), FakeGateway(self.state)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.gateway.url = self.api.gateway_url = f"ws://127.0.0.1:{self.port}"
        self._runner: web.AppRunner | None = None

    def bot(self, name: str = "Shop") -> Bot:
        """Make a bot, as the Developer Portal does."""
        user = User(self.state.snowflake(), name, is_bot=True)
        bot = Bot(user, f"MTA.{user.id}.secret")
        self.users[user.id] = user
        self.bots[bot.token] = bot
        return bot

    def user(self, name: str = "Lin") -> User:
        """Make a person."""
        user = User(self.state.snowflake(), name)
        self.users[user.id] = user
        return user

    def channel(self, bot: Bot, kind: int, guild: str = "") -> Channel:
        """Make a channel that the bot may write in."""
        channel = Channel(self.state.snowflake(), kind, guild)
        bot.channels[channel.id] = channel
        return channel

    def write(self, bot: Bot, channel: Channel, user: User, **content: Any) -> str:
        """Let a person write in a channel, and return the message's id."""
        message = self.state.message(channel, user, **content)
        told = dict(message)
        if channel.kind != DM:
            told["guild_id"] = channel.guild
            is_called = any(one["id"] == bot.user.id for one in told["mentions"])
            if not is_called:
                told["content"] = ""
        intent = DIRECT_MESSAGES if channel.kind == DM else GUILD_MESSAGES
        self.tell(bot, "MESSAGE_CREATE", told, intent=intent)
        return str(message["id"])

    def enter(self, bot: Bot, guild: str, user: User) -> None:
        """Let a person come into a guild."""
        told = {
            "guild_id": guild,
            "user": user.told(),
            "roles": [],
            "joined_at": "2026-11-24T10:00:00.000000+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        self.tell(bot, "GUILD_MEMBER_ADD", told, intent=MEMBERS)

    def leave(self, bot: Bot, guild: str, user: User) -> None:
        """Let a person go out of it."""
        told = {"guild_id": guild, "user": user.told()}
        self.tell(bot, "GUILD_MEMBER_REMOVE", told, intent=MEMBERS)

    def tell(self, bot: Bot, kind: str, body: Any, *, intent: int) -> None:
        """Send an event to the sessions that asked for its kind."""
        for stream in bot.streams.values():
            if stream.intents & intent:
                stream.dispatch(kind, body)

    def texts(self, bot: Bot, channel: str) -> list[str]:
        """Return what the bot wrote in a channel, in its threads as well."""
        found = bot.channels[channel]
        return [
            message["content"]
            for one in (found, *found.threads)
            for message in one.messages
            if message["author"]["id"] == bot.user.id
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeDiscord"]:
        """Serve within the block."""
        await self.come_back()
        try:
            yield self
        finally:
            await self.go_away()

    async def come_back(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        self.api.add_to(app)
        app.router.add_get("/", self.gateway.handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, reuse_address=True, backlog=2_048
        )
        await site.start()

    async def go_away(self) -> None:
        """Close every connection and refuse new ones; sessions can be resumed."""
        await self.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@pytest.fixture
def discord() -> FakeDiscord:
    """Give a Discord of its own to each test; `running` opens its door."""
    return FakeDiscord()
