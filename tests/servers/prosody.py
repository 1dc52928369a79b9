"""A Prosody for the whole test session."""

import asyncio
from collections.abc import Iterator

import pytest

from menting.cli.demo.prosody import Prosody, ProsodyError, find_prosody
from menting.cli.demo.prosody_lua import Certificate
from tests.missing import missing
from tests.servers import certificate


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give a certificate for `localhost` that nobody vouches for but itself."""
    return Certificate(*certificate.make(tmp_path_factory.mktemp("certificate")))


@pytest.fixture(scope="session")
def prosody(
    tmp_path_factory: pytest.TempPathFactory, authority: Certificate
) -> Iterator[Prosody]:
    """Give one running server; each test makes accounts of its own on it."""
    try:
        find_prosody()
    except ProsodyError as error:
        missing(str(error))
    server = Prosody(tmp_path_factory.mktemp("prosody"), certificate=authority)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
