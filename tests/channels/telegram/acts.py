"""What the tests of Telegram do again and again."""

import asyncio
import dataclasses

from menting.channels import base
from tests.contract.rig import Heard, Vault, listening
from tests.contract.telegram import TelegramRig
from tests.fakes.telegram_state import Bot


def with_options(account: base.Account, **options: str) -> base.Account:
    return dataclasses.replace(account, options={**account.options, **options})


def bot_of(rig: TelegramRig, account: base.Account) -> Bot:
    return rig.telegram.bots[account.secret["token"]]


async def hear(rig: TelegramRig, account: base.Account, count: int) -> list[base.Event]:
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        return await heard.until(lambda now: len(now) >= count)


async def called_once(rig: TelegramRig, account: base.Account) -> Heard:
    """Let a bot receive by webhook, and return what its session delivered."""
    heard = Heard()
    session = await rig.channel.open(with_options(account, receive="webhook"), Vault().keep)
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    task.cancel()
    return heard


async def set_webhook(rig: TelegramRig, bot: Bot, url: str) -> None:
    address = f"{rig.proxy.url}/bot{bot.token}/setWebhook"
    client = rig.channel._http  # any HTTP client will do
    answer = await client.ask("POST", address, json={"url": url})
    assert answer.status == 200
