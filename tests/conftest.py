"""What every test shares."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from menting.people import ledger
from tests.fakes.discord import discord  # noqa: F401  # a fixture
from tests.fakes.mastodon import mastodon  # noqa: F401  # a fixture
from tests.fakes.qq import qq  # noqa: F401  # a fixture
from tests.fakes.telegram import telegram  # noqa: F401  # a fixture
from tests.fakes.wecom import wecom  # noqa: F401  # a fixture
from tests.servers.appservice import service_server  # noqa: F401  # a fixture
from tests.servers.mailhost import mailhost  # noqa: F401  # a fixture: one server for all
from tests.servers.prosody import authority, prosody  # noqa: F401  # fixtures, the same
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
