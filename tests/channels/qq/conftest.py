"""The platform for the tests of QQ's channel."""

from collections.abc import AsyncIterator

import pytest

from menting.channels import gateway
from tests.contract.qq import QQRig, qq_rig
from tests.fakes.qq import FakeQQ


@pytest.fixture
async def rig(qq: FakeQQ, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[QQRig]:
    """Give QQ behind a proxy."""
    monkeypatch.setattr(gateway, "AFRESH_SECONDS", (0.0, 0.01))
    async with qq_rig(qq) as made:
        yield made
