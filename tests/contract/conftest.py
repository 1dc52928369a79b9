"""The rigs, one for each channel."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import pytest

from menting.channels import base
from tests.contract.appservice import AppserviceRig, appservice_rig
from tests.contract.dialogue import Dialogue
from tests.contract.discord import DiscordRig, discord_rig
from tests.contract.mail import MailRig, mail_rig
from tests.contract.mastodon import MastodonRig, mastodon_rig
from tests.contract.matrix import MatrixRig, matrix_rig
from tests.contract.qq import QQRig, qq_rig
from tests.contract.rig import AbleRig, Vault, listening
from tests.contract.telegram import TelegramRig, telegram_rig
from tests.contract.wecom import WeComRig, wecom_rig
from tests.contract.xmpp import XmppRig, xmpp_rig


class Kind(NamedTuple):
    """How a channel's rig is made: its class, its server's fixture, and the way."""

    rig: type[Any]
    server: str
    make: Callable[[Any], AbstractAsyncContextManager[Any]]


RIGS = {
    "discord": Kind(DiscordRig, "discord", discord_rig),
    "mastodon": Kind(MastodonRig, "mastodon", mastodon_rig),
    "mail": Kind(MailRig, "mailhost", mail_rig),
    "matrix": Kind(MatrixRig, "homeserver", matrix_rig),
    "qq": Kind(QQRig, "qq", qq_rig),
    "matrix-appservice": Kind(AppserviceRig, "service_server", appservice_rig),
    "telegram": Kind(TelegramRig, "telegram", telegram_rig),
    "wecom": Kind(WeComRig, "wecom", wecom_rig),
    "xmpp": Kind(XmppRig, "prosody", xmpp_rig),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test to the channels whose platform knows what the test needs."""
    if "platform" not in metafunc.fixturenames:
        return
    needs = {
        name for mark in metafunc.definition.iter_markers("needs") for name in mark.args
    }
    able = [name for name, kind in RIGS.items() if needs <= kind.rig.able]
    metafunc.parametrize(
        "platform",
        [
            pytest.param(name, marks=getattr(pytest.mark, RIGS[name].server))
            for name in able
        ],
        indirect=True,
    )


@pytest.fixture
def platform(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """Give each channel's name with its server."""
    return request.param, request.getfixturevalue(RIGS[request.param].server)


@pytest.fixture
async def rig(platform: tuple[str, Any]) -> AsyncIterator[AbleRig]:
    """Give each channel in turn, with its platform."""
    name, server = platform
    async with RIGS[name].make(server) as made:
        yield made


@pytest.fixture
async def dialogue(rig: AbleRig) -> AsyncIterator[Dialogue]:
    """Give a conversation that a person opened, while the account listens."""
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    # A test may have cut the connection, which ends the listener.
    with contextlib.suppress(base.Unreachable, base.Uncertain):
        async with listening(session) as heard:
            place = await human.greet(account, "hello")
            await heard.texts(1)
            yield Dialogue(session, account, human, place, heard)
