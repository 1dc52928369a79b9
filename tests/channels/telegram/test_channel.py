"""Signing in, and what a roster line may say."""

import dataclasses

import pytest
from pydantic import ValidationError

from menting.channels import base
from menting.channels.base import Cap
from menting.channels.telegram import channel
from menting.channels.telegram.channel import Telegram, TelegramSecret
from tests.channels.telegram.acts import with_options
from tests.contract.rig import Vault
from tests.contract.telegram import TelegramRig
from tests.servers import proxy

TOKEN = "7042137000:AAE-x_y"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"token": "AAE"}, "NUMBER:LETTERS"),
        ({"token": f"{TOKEN}/../getMe"}, "NUMBER:LETTERS"),
        ({"token": TOKEN, "wall": "t.me/shop"}, "@NAME"),
        ({"token": TOKEN, "group": "1234"}, "-100"),
        ({"token": TOKEN, "api": "api.telegram.org"}, "http"),
        ({"token": TOKEN, "api": "http://localhost:99999"}, "out of range"),
        ({"token": TOKEN, "receive": "pigeon"}, "poll"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TelegramSecret.model_validate(columns)


def test_empty_columns_mean_what_is_usual() -> None:
    secret = TelegramSecret.model_validate({"token": TOKEN, "receive": "", "api": ""})
    assert (secret.receive, secret.api) == ("poll", channel.API)


async def test_another_bots_token_is_not_used(rig: TelegramRig) -> None:
    mine, other = await rig.account(), await rig.account()
    with pytest.raises(base.AuthFailed, match="another bot"):
        await rig.channel.open(dataclasses.replace(mine, secret=other.secret), Vault().keep)


async def test_an_address_that_is_no_bot_api_is_tried_again(rig: TelegramRig) -> None:
    rig.proxy.once("/getMe", proxy.answer_with(404, b"<html>not here</html>"))
    with pytest.raises(base.Unreachable):
        await rig.channel.open(await rig.account(), Vault().keep)


async def test_a_bot_may_do_no_more_than_its_line_names(rig: TelegramRig) -> None:
    account = await rig.account()
    session = await rig.channel.open(account, Vault().keep)
    assert not session.caps & (Cap.WALL | Cap.JOIN)
    session = await rig.channel.open(with_options(account, wall="@shop_news"), Vault().keep)
    assert session.caps == Telegram.caps
    session = await rig.channel.open(
        with_options(account, group="-1001234567890"), Vault().keep
    )
    assert session.caps == Telegram.caps & ~Cap.WALL
