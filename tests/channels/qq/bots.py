"""Bots that are signed in at the fake of QQ, for the tests of their channel."""

import asyncio
import dataclasses
import json
from collections.abc import Callable
from typing import Any

from menting.base import clock
from menting.channels.base import Inbound
from menting.channels.qq.session import QQSession
from tests.contract.qq import QQRig
from tests.contract.rig import Vault
from tests.fakes.qq_api import Bot


async def signed_in(rig: QQRig, **options: Any) -> tuple[QQSession, Bot]:
    """Make a bot with these columns, and sign it in."""
    account = await rig.account()
    account = dataclasses.replace(account, options={**account.options, **options})
    opened = await rig.channel.open(account, Vault().keep)
    return opened, rig.platform.bots[account.handle]


async def heard_from(rig: QQRig, bot: Bot, person: str) -> Inbound:
    """Let a friend write, and return what an answer names."""
    number = await rig.platform.write(bot, person, "hello")
    return Inbound(number, clock.now())


async def friend_of(rig: QQRig, bot: Bot) -> str:
    """Return a person who has added the bot."""
    person = rig.platform.openid()
    await rig.platform.befriend(bot, person)
    return person


def token_calls(rig: QQRig) -> int:
    """Return how often a token was asked for."""
    return sum(path.endswith("getAppAccessToken") for _, path, _ in rig.platform.calls)


def as_json(told: dict[str, Any]) -> bytes:
    """Return what the platform would answer."""
    return json.dumps(told).encode()


async def until(happened: Callable[[], object]) -> None:
    """Wait until the platform is in a state; it has no event to wait for."""
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
