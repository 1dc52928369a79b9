"""What every test shares."""

import os
from collections.abc import Iterator

import pytest
from django.utils import translation

from menting.people import ledger
from tests import database
from tests.fakes.discord import discord  # noqa: F401  # a fixture
from tests.fakes.mastodon import mastodon  # noqa: F401  # a fixture
from tests.fakes.qq import qq  # noqa: F401  # a fixture
from tests.fakes.telegram import telegram  # noqa: F401  # a fixture
from tests.fakes.wecom import wecom  # noqa: F401  # a fixture
from tests.servers import postgres
from tests.servers.appservice import service_server  # noqa: F401  # a fixture
from tests.servers.mailhost import mailhost  # noqa: F401  # a fixture: one server for all
from tests.servers.prosody import authority, prosody  # noqa: F401  # fixtures, the same
from tests.servers.synapse import homeserver  # noqa: F401  # a fixture: one server for all


@pytest.fixture(autouse=True)
def _ledger_of_consent(request: pytest.FixtureRequest) -> Iterator[None]:
    """Guard the ledger in each test; lift it only while a test's database is emptied."""
    marker = request.node.get_closest_marker("django_db")
    is_emptied = "transactional_db" in request.fixturenames or bool(
        marker and marker.kwargs.get("transaction")
    )
    if marker is None and not is_emptied:
        yield
        return
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


@pytest.fixture(autouse=True, scope="module")
def _database_of_folders() -> Iterator[None]:
    """Give the programs on a folder that a module's tests share a database of their own."""
    yield from _children_get_a_database()


@pytest.fixture(autouse=True)
def _database_of_a_folder(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give the programs on a test's own folder a database of their own."""
    is_shared = request.node.get_closest_marker("one_folder") is not None
    if "tmp_path" in request.fixturenames and not is_shared:
        yield from _children_get_a_database()
    else:
        yield


def _children_get_a_database() -> Iterator[None]:
    server = os.environ.get(database.ADDRESS)
    if server is None:
        yield
        return
    with postgres.fresh(server) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MENTING_DATABASE", address)
        yield
