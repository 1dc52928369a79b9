"""Webhooks of Telegram."""

import asyncio
import dataclasses

import pytest

from menting.base import clock
from menting.channels import base, hook
from menting.channels.telegram import channel, receive
from menting.channels.telegram.channel import Telegram
from tests.channels.telegram.acts import (
    bot_of,
    called_once,
    set_webhook,
    with_options,
)
from tests.contract.rig import Heard, Vault
from tests.contract.telegram import TelegramRig


def _hook(account: base.Account, headers: dict[str, str], body: bytes) -> hook.Hook:
    return hook.Hook("POST", account.handle, {}, headers, body, clock.now())


@pytest.fixture
async def called(
    rig: TelegramRig, https: None
) -> tuple[base.Account, dict[str, str], bytes]:
    """Give a bot, and the headers and body of a webhook that Telegram sent for it."""
    account = await rig.account()
    await called_once(rig, account)
    bot = bot_of(rig, account)
    rig.telegram.write(bot, rig.telegram.user("Lin"), text="hello")
    return account, *bot.called[-1]


@pytest.mark.usefixtures("https")
async def test_a_webhook_is_set_where_menting_listens(rig: TelegramRig) -> None:
    account = await rig.account()
    heard = await called_once(rig, account)
    webhook = bot_of(rig, account).webhook
    assert webhook is not None
    assert webhook.url == f"https://shop.example/hooks/telegram/{account.handle}"
    assert webhook.secret == channel.hook_secret(account.secret["token"])
    assert account.secret["token"] not in webhook.secret
    assert (heard.events, bool(heard.resume)) == ([], True)


async def test_a_webhook_that_telegram_refuses_waits_for_an_operator(
    rig: TelegramRig,
) -> None:
    account = with_options(
        await rig.account(), receive="webhook"
    )  # public_url is no https here
    session = await rig.channel.open(account, Vault().keep)
    with pytest.raises(base.AuthFailed, match="HTTPS URL must be provided"):
        await session.listen(Heard().deliver, b"")


@pytest.mark.usefixtures("https")
async def test_a_webhook_that_was_taken_over_ends_the_session(
    rig: TelegramRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await rig.account()
    monkeypatch.setattr(receive, "LOOK_SECONDS", 0.05)
    session = await rig.channel.open(with_options(account, receive="webhook"), Vault().keep)
    heard = Heard()
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    await set_webhook(rig, bot_of(rig, account), "https://other.example/")
    with pytest.raises(base.Unreachable, match="took the webhook over"):
        await asyncio.wait_for(task, 5)


async def test_a_proven_webhook_tells_what_a_poll_would(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes]
) -> None:
    account, headers, body = called
    incoming = _hook(account, headers, body)
    assert rig.channel.addressee(incoming) == account.handle
    answer = rig.channel.take_hook(incoming, account)
    [event] = answer.events[account.handle]
    assert (answer.status, event.text, event.sender.name) == (200, "hello", "Lin")
    assert answer.events == rig.channel.take_hook(incoming, account).events


async def test_a_forged_webhook_is_not_parsed(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes]
) -> None:
    account, _, _ = called
    for proof in ("", "wrong", "wröng"):
        headers = {channel.SECRET_HEADER: proof}
        with pytest.raises(hook.ForgedError):
            rig.channel.take_hook(_hook(account, headers, b"no JSON"), account)


async def test_without_a_secret_nothing_is_proven(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes]
) -> None:
    account, headers, body = called
    bare = dataclasses.replace(account, secret={})
    with pytest.raises(hook.ForgedError):
        rig.channel.take_hook(_hook(bare, headers, body), bare)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"update_id": "x"}'])
async def test_a_proven_webhook_without_an_update_is_malformed(
    rig: TelegramRig, called: tuple[base.Account, dict[str, str], bytes], body: bytes
) -> None:
    account, headers, _ = called
    with pytest.raises(hook.MalformedError):
        rig.channel.take_hook(_hook(account, headers, body), account)


def test_a_webhook_for_nobody_is_malformed() -> None:
    incoming = hook.Hook("POST", "../7", {}, {}, b"{}", clock.now())
    with pytest.raises(hook.MalformedError):
        Telegram().addressee(incoming)
