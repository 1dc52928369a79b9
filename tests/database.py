"""`--db postgres`: every test with its state in PostgreSQL; a plugin, to precede Django.

The server is this run's own. Workers of xdist inherit its address, and pytest-django gives
each a database of its own; a program that a test starts gets one from `tests/conftest.py`.
"""

import os

import pytest

from tests.servers import postgres

#: Where tests/settings.py looks, and the workers of xdist.
ADDRESS = "TEST_DATABASE"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the choice of the engine."""
    parser.addoption(
        "--db",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="what keeps the state",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the server before Django reads its settings, unless a parent has."""
    if early_config.known_args_namespace.db != "postgres" or ADDRESS in os.environ:
        return
    try:
        cluster = postgres.start()
    except postgres.NoPostgresError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ[ADDRESS] = cluster.url()
    early_config.add_cleanup(cluster.close)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on PostgreSQL, what is about SQLite's files alone."""
    if config.option.db == "sqlite":
        return
    for item in items:
        if marker := item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason=f"SQLite alone: {marker.args[0]}"))
