"""The rig of the contract suite, for what is XMPP's own."""

from collections.abc import AsyncIterator

import pytest

from menting.cli.demo.prosody import Prosody
from tests.contract.xmpp import XmppRig, xmpp_rig


@pytest.fixture
async def rig(prosody: Prosody) -> AsyncIterator[XmppRig]:
    """Give a rig with a proxy of its own."""
    async with xmpp_rig(prosody) as made:
        yield made
