"""What every test shares."""

import os
from collections.abc import Iterator

import pytest
from django.utils import translation

from menting.people import ledger
from tests.servers import postgres
from tests.servers.synapse import homeserver  # noqa: F401  # a fixture: one server for all


@pytest.fixture(autouse=True)
def _ledger_of_consent(request: pytest.FixtureRequest) -> Iterator[None]:
    """Guard the ledger in each test; lift it only while a test's database is emptied."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        yield
        return
    is_emptied = bool(marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if is_emptied else "db")
    ledger.guard()
    yield
    if is_emptied:
        ledger.unguard()


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Tell refusals in English, as commands do, and let no test change it for the next."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _database_of_children(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give a program that the test starts on a folder of its own a database of its own."""
    server = os.environ.get("TEST_DATABASE")
    if server is None or "tmp_path" not in request.fixturenames:
        yield
        return
    with postgres.fresh(server) as address:
        monkeypatch.setenv("MENTING_DATABASE", address)
        yield
