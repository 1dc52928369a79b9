"""What the server's tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from menting.visits.spool import Spool
from tests import database
from tests.missing import missing
from tests.servers import postgres


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    (tmp_path / "spool").mkdir()
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Give the address of a real PostgreSQL, also when the other tests run on SQLite."""
    if address := os.environ.get(database.ADDRESS):
        yield address
        return
    try:
        cluster = postgres.start()
    except postgres.NoPostgresError as error:
        missing(str(error))
    yield cluster.url()
    cluster.close()
