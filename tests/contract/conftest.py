"""The rigs, one for each channel."""

from collections.abc import AsyncIterator

import pytest

from menting.cli.demo.homeserver import Homeserver
from tests.contract.dialogue import Dialogue
from tests.contract.matrix import MatrixRig, matrix_rig
from tests.contract.rig import Vault, listening

#: Channel name -> the fixture of its server, and the way to its rig.
RIGS = {"matrix": ("homeserver", matrix_rig)}


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.homeserver) for name in RIGS],
)
def platform(request: pytest.FixtureRequest) -> tuple[str, Homeserver]:
    """Give each channel's name with its server."""
    return request.param, request.getfixturevalue(RIGS[request.param][0])


@pytest.fixture
async def rig(platform: tuple[str, Homeserver]) -> AsyncIterator[MatrixRig]:
    """Give each channel in turn, with its platform."""
    name, server = platform
    async with RIGS[name][1](server) as made:
        yield made


@pytest.fixture
async def dialogue(rig: MatrixRig) -> Dialogue:
    """Give a conversation that a person opened."""
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
    return Dialogue(session, account, human, place)
