"""The Discord channel's rig: a fake gateway, and a fake API behind a proxy."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from menting.channels import http
from menting.channels.base import Account
from menting.channels.discord.channel import Discord
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_state import DM, FORUM, Bot, Channel, User
from tests.servers import proxy
from tests.servers.proxy import Held, Proxy

_numbers = itertools.count(1)


class DiscordHuman:
    """A person with a Discord app."""

    def __init__(self, discord: FakeDiscord, user: User) -> None:
        self._discord, self._user = discord, user
        self._open: dict[str, tuple[Bot, Channel]] = {}

    @property
    def id(self) -> str:
        """Return the person's snowflake."""
        return self._user.id

    async def greet(self, account: Account, text: str) -> str:
        """Open a direct conversation with the bot, and write."""
        bot = self._discord.bots[account.secret["token"]]
        channel = self._discord.channel(bot, DM)
        self._open[channel.id] = bot, channel
        await self.write(channel.id, text)
        return channel.id

    async def write(self, place: str, text: str) -> None:
        """Write a text."""
        self._discord.write(*self._open[place], self._user, content=text)

    async def write_unreadable(self, place: str) -> None:
        """Send a sticker."""
        sticker = [{"id": "1", "name": "wave", "format_type": 1}]
        self._discord.write(*self._open[place], self._user, sticker_items=sticker)

    async def rename(self, name: str) -> None:
        """Take a new name; Discord tells it with the next message."""
        self._user.username = name

    async def received(self, place: str, account: Account) -> list[str]:
        """Return what stands in the conversation."""
        return self._discord.texts(self._discord.bots[account.secret["token"]], place)


class DiscordRig:
    """Bots call through the proxy and listen to the gateway itself."""

    able = frozenset(
        {"names", "history", "retold", "renames", "unreadable", "keys", "throttles"}
        | {"wall", "twice"}
    )
    most = 1_000
    nowhere = "404"
    send_part = "/messages"

    def __init__(self, discord: FakeDiscord, between: Proxy) -> None:
        self.discord, self.proxy = discord, between
        self.channel = Discord()

    async def account(self, name: str = "Shop") -> Account:
        """Make a bot with that name."""
        bot = self.discord.bot(name)
        return Account(
            next(_numbers),
            bot.user.id,
            name,
            secret={"token": bot.token},
            options={"api": f"{self.proxy.url}/api/v10"},
        )

    async def human(self) -> DiscordHuman:
        """Make a person."""
        return DiscordHuman(self.discord, self.discord.user())

    def wrong(self, account: Account) -> Account:
        """Return the bot with a token that is not its own."""
        return dataclasses.replace(account, secret={"token": "MTA.wrong.token"})

    async def lose(self) -> None:
        """Let API and gateway be away."""
        await self.proxy.go_away()
        await self.discord.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.discord.come_back()
        await self.proxy.come_back()

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every call."""
        patch.setattr(http, "CALL_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before Discord."""
        return self.proxy.hold_request(self.send_part)

    def hold_answer(self) -> Held:
        """Stand behind Discord."""
        return self.proxy.hold_answer(self.send_part)

    def cut_answer(self) -> None:
        """Break off."""
        self.proxy.once(self.send_part, proxy.cut_answer)

    def throttle(self, seconds: float) -> None:
        """Answer as Discord does."""
        told = {"message": "limited", "retry_after": seconds, "global": False}
        headers = {"Retry-After": str(round(seconds)), "X-RateLimit-Scope": "user"}
        fault = proxy.answer_with(429, json.dumps(told).encode(), headers)
        self.proxy.once(self.send_part, fault)

    def spoil_events(self) -> None:
        """Put events without form before all that come from now on."""

        def _spoil(event: dict[str, Any]) -> list[str]:
            broken = [None, {}, {"id": "noon"}, event["d"] | {"content": ["no text"]}]
            frames = [{**event, "d": body} for body in broken]
            return [json.dumps(frame) for frame in (*frames, event)]

        self.discord.gateway.spoil = _spoil

    def tell_twice(self) -> None:
        """Send every event twice."""

        def _twice(event: dict[str, Any]) -> list[str]:
            return [json.dumps(event)] * 2

        self.discord.gateway.spoil = _twice

    async def walled(self) -> tuple[Account, str]:
        """Make a bot with a forum."""
        account = await self.account()
        bot = self.discord.bots[account.secret["token"]]
        forum = self.discord.channel(bot, FORUM, guild="77")
        options = {**account.options, "wall": forum.id}
        return dataclasses.replace(account, options=options), forum.id

    async def on_wall(self, account: Account, wall: str) -> list[str]:
        """Return the threads' first messages."""
        return self.discord.texts(self.discord.bots[account.secret["token"]], wall)


@contextlib.asynccontextmanager
async def discord_rig(discord: FakeDiscord) -> AsyncIterator[DiscordRig]:
    """Give a rig with a proxy of its own."""
    between = Proxy(discord.url)
    async with discord.running(), between.running():
        rig = DiscordRig(discord, between)
        yield rig
        await rig.channel.aclose()
