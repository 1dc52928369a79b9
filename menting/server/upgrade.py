"""Bring a state up to this program's tables, after a copy; never downwards."""

import sqlite3
from datetime import UTC

import structlog
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from menting.base import clock, crypto
from menting.base.folder import Folder, turn
from menting.server import dump
from menting.users import house
from menting.users.models import House
from menting.workers import turns

log = structlog.get_logger(__name__)


class NewerFolderError(Exception):
    """The folder, or the database, was written by a newer program."""


class OtherKeyError(Exception):
    """The folder's keys are not those that the state was made with."""


def is_made() -> bool:
    """Say whether the database holds a state, of whatever version."""
    return House._meta.db_table in connection.introspection.table_names()


def bring_up_to_date(folder: Folder) -> None:
    """Apply what is missing, one process at a time.

    Raises NewerFolderError when the state knows more, OtherKeyError when the folder is
    another machine's with keys of its own.
    """
    with turn(folder, "upgrade"), turns.awaited("upgrade"):
        _migrate(folder)
    if connection.vendor == "postgresql":
        _compare_keys(folder)


def _migrate(folder: Folder) -> None:
    executor = MigrationExecutor(connection)
    unknown = set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)
    if unknown:
        names = ", ".join(sorted(f"{app}.{name}" for app, name in unknown))
        raise NewerFolderError(
            f"{folder.root} was written by a newer Menting (it has {names}): "
            "install that version, or restore a backup of this one"
        )
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    if executor.loader.applied_migrations:
        copy_state(folder)
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    log.info("state is up to date")


def copy_state(folder: Folder) -> None:
    """Copy the state into `backups/`, consistent while others read and write it."""
    stamp = clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"before-migration-{stamp}"
    if connection.vendor == "postgresql":
        target = folder.backups / f"{name}.dump"
        try:
            dump.write(target)
        except dump.NoToolError as error:
            # Each migration is one transaction there: a failed one leaves nothing behind.
            log.warning("the state was not copied before a migration", reason=str(error))
            return
    else:
        target = folder.backups / f"{name}.db"
        with sqlite3.connect(folder.state) as source, sqlite3.connect(target) as copy:
            source.backup(copy)
        source.close()
        copy.close()
    target.chmod(0o600)
    log.info("state copied before a migration", file=target.name)


def _compare_keys(folder: Folder) -> None:
    """Refuse a folder with another house key: its hashes and cookies would be others."""
    mark = crypto.derive(folder.key("house"), "mark").hex()[:32]
    House.objects.filter(pk=house.get().pk, key_mark="").update(key_mark=mark)
    if house.get().key_mark != mark:
        raise OtherKeyError(
            f"the keys in {folder.root / 'keys'} are not those of this database: "
            "copy house.key and vault.key from the machine that it was first run on"
        )
