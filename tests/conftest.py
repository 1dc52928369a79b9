"""What every test shares."""

from tests.servers.synapse import homeserver  # noqa: F401  # a fixture: one server for all
