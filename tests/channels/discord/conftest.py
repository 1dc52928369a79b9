"""A Discord to talk to."""

from collections.abc import AsyncIterator

import pytest

from menting.channels import gateway
from tests.channels.discord.acts import Talk, bot_of, sign_in
from tests.contract.discord import DiscordRig, discord_rig
from tests.contract.rig import listening
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_state import DM


@pytest.fixture
async def rig(discord: FakeDiscord) -> AsyncIterator[DiscordRig]:
    """Give an API behind a proxy, and a gateway."""
    async with discord_rig(discord) as made:
        yield made


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "AFRESH_SECONDS", (0.0, 0.01))


@pytest.fixture
async def talk(rig: DiscordRig) -> Talk:
    """Give a conversation that a person opened."""
    account = await rig.account()
    bot, user = bot_of(rig, account), rig.discord.user()
    opened = await sign_in(rig, account)
    async with listening(opened) as heard:
        direct = rig.discord.channel(bot, DM)
        rig.discord.write(bot, direct, user, content="a question")
        await heard.texts(1)
    return Talk(rig, account, opened, heard.events[0])
