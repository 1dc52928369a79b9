"""Signing in, and what a roster line may say."""

import dataclasses

import pytest
from pydantic import ValidationError

from menting.channels import base
from menting.channels.discord import intents
from menting.channels.discord.channel import API, DiscordSecret
from tests.channels.discord.acts import GUILD
from tests.contract.discord import DiscordRig
from tests.contract.rig import Vault
from tests.servers import proxy


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"token": ""}, "blanks"),
        ({"token": "MTA\r\nX: y"}, "blanks"),
        ({"token": "MTA", "intents": "everything"}, "no intent 'everything'"),
        ({"token": "MTA", "wall": "#news"}, "an id"),
        ({"token": "MTA", "guild": "0"}, "an id"),
        ({"token": "MTA", "api": "discord.com"}, "http"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DiscordSecret.model_validate(columns)


def test_empty_columns_mean_what_is_usual() -> None:
    columns = DiscordSecret.model_validate({"token": "MTA.x", "api": "", "intents": ""})
    assert (columns.api, intents.bits(columns.intents)) == (API, 1 << 9 | 1 << 12)


def test_an_own_guild_asks_for_who_comes_and_goes() -> None:
    columns = DiscordSecret.model_validate({"token": "MTA.x", "guild": GUILD})
    assert intents.bits(columns.intents) == 1 << 1 | 1 << 9 | 1 << 12


async def test_another_bots_token_is_not_used(rig: DiscordRig) -> None:
    mine, other = await rig.account(), await rig.account()
    with pytest.raises(base.AuthFailed, match="another bot"):
        await rig.channel.open(dataclasses.replace(mine, secret=other.secret), Vault().keep)


async def test_an_address_that_is_no_discord_is_tried_again(rig: DiscordRig) -> None:
    rig.proxy.once("/users/@me", proxy.answer_with(404, b"<html>not here</html>"))
    with pytest.raises(base.Unreachable):
        await rig.channel.open(await rig.account(), Vault().keep)
