"""A Synapse for the whole test session."""

import asyncio
from collections.abc import Iterator

import pytest

from menting.cli.demo.homeserver import Homeserver, HomeserverError, find_synapse
from tests.missing import missing


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """Give one running homeserver; each test makes accounts of its own on it."""
    try:
        find_synapse()
    except HomeserverError as error:
        missing(str(error))
    server = Homeserver(tmp_path_factory.mktemp("synapse"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
