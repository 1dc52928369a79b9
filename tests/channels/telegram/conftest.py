"""A Telegram to talk to."""

from collections.abc import AsyncIterator, Iterator

import pytest

from menting.base import config
from tests.contract.telegram import TelegramRig, telegram_rig
from tests.fakes.telegram import FakeTelegram


@pytest.fixture
async def rig(telegram: FakeTelegram) -> AsyncIterator[TelegramRig]:
    """Give a Bot API behind a proxy."""
    async with telegram_rig(telegram) as made:
        yield made


@pytest.fixture
def https(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let people reach this installation by https."""
    monkeypatch.setenv("MENTING_PUBLIC_URL", "https://shop.example")
    config.current.cache_clear()
    yield
    monkeypatch.undo()
    config.current.cache_clear()
