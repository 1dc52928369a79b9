"""The state in PostgreSQL as a file and back, by its own pg_dump and pg_restore."""

import os
import shutil
import subprocess
from pathlib import Path

from django.db import connection

#: What libpq reads from the environment: no password stands in a list of processes.
_NAMES = {
    "NAME": "PGDATABASE",
    "HOST": "PGHOST",
    "PORT": "PGPORT",
    "USER": "PGUSER",
    "PASSWORD": "PGPASSWORD",
}
_OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "service": "PGSERVICE"}


class NoToolError(OSError):
    """pg_dump or pg_restore is not on this machine; the message says what to do."""


class ToolFailedError(OSError):
    """pg_dump or pg_restore refused; the message is its own."""


def write(target: Path) -> None:
    """Write the database as of one moment. Raises NoToolError, ToolFailedError."""
    _run("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={target}")


def read(source: Path) -> None:
    """Fill an empty database, all of it or nothing. Raises NoToolError, ToolFailedError."""
    name = str(connection.settings_dict["NAME"])
    _run(
        "pg_restore",
        *("--no-owner", "--no-acl", "--exit-on-error", "--single-transaction"),
        *(f"--dbname={name}", str(source)),
    )


def is_here() -> bool:
    """Say whether a backup can be made from this machine."""
    try:
        return bool(_found("pg_dump"))
    except NoToolError:
        return False


def _run(tool: str, *words: str) -> None:
    done = subprocess.run(  # noqa: S603  # found in the path, and our own words
        [_found(tool), "--no-password", *words],
        env=os.environ | _address(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:]
        raise ToolFailedError(f"{tool} failed: {said}")


def _found(tool: str) -> str:
    """Return where the tool is; Debian keeps the one of each version out of the path."""
    there = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{tool}"))
    found = shutil.which(tool) or (str(there[-1]) if there else None)
    if found is None:
        raise NoToolError(
            f"{tool} is not on this machine: install PostgreSQL's client programs of the "
            "server's version (Debian: postgresql-client), or back the database up there"
        )
    return found


def _address() -> dict[str, str]:
    given = connection.settings_dict
    options = given["OPTIONS"]
    found = {theirs: str(given[ours]) for ours, theirs in _NAMES.items() if given[ours]}
    return found | {
        theirs: str(options[ours]) for ours, theirs in _OPTIONS.items() if ours in options
    }
