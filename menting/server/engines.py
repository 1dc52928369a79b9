"""The two engines that keep the state, each with what its transactions need."""

from typing import Any

from menting.base import config
from menting.base.folder import Folder

#: Longest wait for a row or table of another transaction, in milliseconds.
LOCK_MS = 20_000
#: A transaction that stands still so long belongs to a process that hangs: its locks go.
IDLE_MS = 60_000


def engine(settings: config.Settings, folder: Folder) -> dict[str, Any]:
    """Return Django's entry for the database. Raises BadSettingsError."""
    url = settings.database.get_secret_value()
    return _postgres(url) if url else _sqlite(folder)


def _sqlite(folder: Folder) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder.state,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: the outbox and the ledger are here, a commit must outlive power loss.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
            ),
        },
        "TEST": {"NAME": folder.root / "test.db"},
    }


def _postgres(url: str) -> dict[str, Any]:
    try:
        from psycopg import ProgrammingError, conninfo  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise config.BadSettingsError(
            "database: PostgreSQL needs the extra: pip install 'menting[postgres]'"
        ) from error
    try:
        given = conninfo.conninfo_to_dict(url)
    except ProgrammingError as error:
        # The text of the error may hold the address, and so the password.
        raise config.BadSettingsError(
            "database: must be postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from error
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    names |= {"host": "HOST", "port": "PORT"}
    words = [str(given.pop("options", "")), _PARAMETERS]
    options = {key: said for key, said in given.items() if key not in names}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{ours: given.get(theirs, "") for theirs, ours in names.items()},
        # Each request has a thread of its own, which takes its connection along when it
        # ends; the bridge's threads keep theirs, and look before use whether it lives.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "menting",
            **options,
            "options": " ".join(filter(None, words)),
        },
    }


#: As SQLite's FULL: a commit outlives power loss, whatever the server's own file says.
_PARAMETERS = (
    "-c synchronous_commit=on -c timezone=UTC "
    f"-c lock_timeout={LOCK_MS} -c idle_in_transaction_session_timeout={IDLE_MS}"
)
