"""What is particular to QQ, against a fake of its platform: sign-in, token, gateway."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from menting.base import clock
from menting.channels import base
from menting.channels.base import Outgoing, Peer
from menting.channels.gateway import Fate
from menting.channels.hook import Hook
from menting.channels.qq import intents, session, token
from menting.channels.qq.channel import QQSecret
from tests.channels.qq.bots import (
    as_json,
    friend_of,
    signed_in,
    token_calls,
    until,
)
from tests.contract.qq import QQRig
from tests.contract.rig import Heard, Vault, listening
from tests.servers import proxy

pytestmark = pytest.mark.qq


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"secret": " "}, "empty"),
        ({"secret": "x", "api": "api.bot.qq.com"}, "http"),
        ({"secret": "x", "intents": "everything"}, "no intent 'everything'"),
        ({"secret": "x", "intents": ","}, "at least one"),
        ({"secret": "x", "receive": "pigeon"}, "socket"),
        ({"secret": "x", "certified": "perhaps"}, "boolean"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        QQSecret.model_validate(columns)


def test_an_empty_cell_is_the_default() -> None:
    empty = dict.fromkeys(("api", "receive", "intents", "certified", "wall", "guild"), "")
    columns = QQSecret.model_validate({"secret": "x", **empty})
    assert columns == QQSecret.model_validate({"secret": "x"})
    assert columns.api == "https://api.bot.qq.com"


async def test_a_handle_that_is_no_appid_needs_an_operator(rig: QQRig) -> None:
    account = dataclasses.replace(await rig.account(), handle="@shop")
    with pytest.raises(base.AuthFailed, match="appid"):
        await rig.channel.open(account, Vault().keep)


# Token


async def test_all_who_need_a_token_share_one_and_one_renewal(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    person = await friend_of(rig, bot)
    assert token_calls(rig) == 1
    bot.tokens.clear()  # QQ forgets it before its time
    sends = [
        opened.send(Peer(f"c2c:{person}"), Outgoing(f"key-{n}", f"text {n}"))
        for n in range(4)
    ]
    await asyncio.gather(*sends)
    assert token_calls(rig) == 2
    texts = [message.text for message in bot.places[f"c2c:{person}"].messages]
    assert sorted(texts) == [f"text {n}" for n in range(4)]


async def test_a_token_is_renewed_before_its_last_minute_is_over(
    rig: QQRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, bot = await signed_in(rig)
    [first] = bot.tokens
    rig.platform.ahead = timedelta(seconds=7_200 - 45)  # the platform gives out another
    monkeypatch.setattr(token, "RENEW_SECONDS", 7_200.0)  # and so late it is for us
    person = await friend_of(rig, bot)
    await opened.send(Peer(f"c2c:{person}"), Outgoing("key", "text"))
    assert token_calls(rig) == 2
    assert len(bot.tokens) == 2
    assert bot.tokens[first] > rig.platform.seconds()


async def test_a_bot_that_signs_in_again_has_its_token_still(rig: QQRig) -> None:
    account = await rig.account()
    await rig.channel.open(account, Vault().keep)
    await rig.channel.open(account, Vault().keep)
    assert token_calls(rig) == 1
    with pytest.raises(base.AuthFailed):
        await rig.channel.open(rig.wrong(account), Vault().keep)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"code": 100001}, base.Throttled),
        ({"code": 100007}, base.AuthFailed),
        ({"code": 100016}, base.AuthFailed),
        ({"code": 10004}, base.AuthFailed),
        ({"code": 99}, base.Unreachable),
        ({"access_token": "x", "expires_in": "soon"}, base.Unreachable),
        ({"access_token": "", "expires_in": "7200"}, base.Unreachable),
    ],
)
async def test_a_refusal_of_a_token_comes_with_status_200(
    rig: QQRig, told: dict[str, Any], error: type[Exception]
) -> None:
    account = await rig.account()
    rig.proxy.once("getAppAccessToken", proxy.answer_with(200, as_json(told)))
    with pytest.raises(error):
        await rig.channel.open(account, Vault().keep)


# Gateway


async def test_the_reference_s_table_of_close_codes_is_the_channel_s() -> None:
    fates = {code: session.CLOSES.get(code, Fate.RESUME) for code in range(4000, 5000)}
    assert {c for c, f in fates.items() if f is Fate.FATAL} == {
        4001,
        4002,
        4010,
        4011,
        4012,
    }
    assert {c for c, f in fates.items() if f is Fate.NARROW} == {4013, 4014}
    assert {c for c, f in fates.items() if f is Fate.BANNED} == {4914, 4915}
    assert {c for c, f in fates.items() if f is Fate.RENEW} == {4004}
    afresh = {4006, 4007, *range(4900, 4914)}
    assert {c for c, f in fates.items() if f is Fate.IDENTIFY} == afresh
    assert fates[4008] is fates[4009] is Fate.RESUME


@pytest.mark.parametrize(
    ("code", "resumed", "begun"),
    [(4008, 1, 1), (4009, 1, 1), (1000, 1, 1), (4006, 0, 2), (4007, 0, 2), (4900, 0, 2)],
)
async def test_a_close_code_resumes_or_begins_anew(
    rig: QQRig, code: int, resumed: int, begun: int
) -> None:
    opened, bot = await signed_in(rig)
    async with listening(opened) as heard:
        await bot.gateway.close(code)
        await until(lambda: bot.gateway.resumed + bot.gateway.begun == 2)
        await rig.platform.write(bot, rig.platform.openid(), "still here")
        assert await heard.texts(1) == ["still here"]
    assert (bot.gateway.resumed, bot.gateway.begun) == (resumed, begun)


@pytest.mark.parametrize("code", [4001, 4002, 4010, 4914, 4915])
async def test_a_fatal_close_code_ends_the_session(rig: QQRig, code: int) -> None:
    opened, bot = await signed_in(rig)
    listen = asyncio.create_task(opened.listen(Heard().deliver, b""))
    await until(lambda: bot.gateway.begun == 1)
    await until(lambda: bot.gateway.session is not None and bot.gateway.session.ws)
    await bot.gateway.close(code)
    with pytest.raises(base.AuthFailed, match=str(code)) as failed:
        await asyncio.wait_for(listen, 10)
    assert failed.value.banned is (code in (4914, 4915))


async def test_a_banned_bot_is_banned_at_its_first_frame(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    bot.is_banned = True
    with pytest.raises(base.AuthFailed) as failed:
        await asyncio.wait_for(opened.listen(Heard().deliver, b""), 10)
    assert failed.value.banned


async def test_a_token_that_the_gateway_refuses_is_renewed(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    bot.tokens.clear()
    async with listening(opened) as heard:
        assert heard.resume
    assert token_calls(rig) == 2


async def test_fewer_intents_are_asked_for_until_they_are_granted(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    bot.granted = intents.BITS["group_and_c2c"]
    async with listening(opened) as heard:
        await rig.platform.write(bot, rig.platform.openid(), "hello")
        assert await heard.texts(1) == ["hello"]
    bot.gateway.forget()  # QQ forgot the session; the granted intents are known
    async with listening(opened, heard.resume):
        await until(lambda: bot.gateway.begun == 2)
    assert bot.gateway.session is not None
    assert bot.gateway.session.intents == bot.granted


async def test_a_bot_without_any_granted_intent_needs_an_operator(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    bot.granted = 0
    with pytest.raises(base.AuthFailed, match="intents"):
        await asyncio.wait_for(opened.listen(Heard().deliver, b""), 15)


async def test_garbage_instead_of_a_gateway_is_tried_again_later(rig: QQRig) -> None:
    opened, _ = await signed_in(rig)
    rig.garble()
    heard = Heard()
    with pytest.raises(base.Unreachable):
        await asyncio.wait_for(opened.listen(heard.deliver, b""), 10)
    assert heard.resume == b""


async def test_a_bot_that_may_begin_no_session_today_waits(rig: QQRig) -> None:
    opened, _ = await signed_in(rig)
    limit = {"total": 1000, "remaining": 0, "reset_after": 5_000, "max_concurrency": 1}
    told = {"url": rig.platform.url, "shards": 1, "session_start_limit": limit}
    rig.proxy.once("/gateway/bot", proxy.answer_with(200, as_json(told)))
    with pytest.raises(base.Throttled) as throttled:
        await opened.listen(Heard().deliver, b"")
    assert throttled.value.retry_after == 5


# Webhook


async def test_a_bot_with_webhooks_opens_no_socket_and_keeps_its_token(
    rig: QQRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, bot = await signed_in(rig, receive="webhook")
    monkeypatch.setattr(token, "RENEW_SECONDS", 7_199.5)  # it lasts for half a second
    rig.platform.ahead = timedelta(seconds=7_200 - 45)
    async with listening(opened) as heard:
        await until(lambda: token_calls(rig) >= 2)
    assert heard.resume == session.NO_PLACE
    assert bot.gateway.begun == 0
    bot.secret = "another"
    with pytest.raises(base.AuthFailed):
        await asyncio.wait_for(opened.listen(heard.deliver, heard.resume), 10)


async def test_one_address_serves_the_webhooks_of_all_bots(rig: QQRig) -> None:
    accounts = {
        account.handle: account for account in [await rig.account(), await rig.account()]
    }
    heard: list[tuple[str, str]] = []

    async def _take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        hook = Hook("POST", "", {}, headers, await request.read(), clock.now())
        answer = rig.channel.take_hook(hook, accounts[rig.channel.addressee(hook)])
        for handle, events in answer.events.items():
            heard.extend((handle, event.text) for event in events)
        return web.Response(status=answer.status, body=answer.body)

    app = web.Application()
    app.router.add_post("/hooks/qq/", _take)
    async with TestServer(app) as server:
        for bot in rig.platform.bots.values():
            bot.webhook = str(server.make_url("/hooks/qq/"))
            await rig.platform.write(bot, rig.platform.openid(), f"to {bot.appid}")
    assert heard == [(appid, f"to {appid}") for appid in accounts]
