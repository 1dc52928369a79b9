"""Bring a folder's state up to this program's tables, after a copy; never downwards."""

import sqlite3
from datetime import UTC

import structlog
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from menting.base import clock
from menting.base.folder import Folder

log = structlog.get_logger(__name__)


class NewerFolderError(Exception):
    """The folder was written by a newer program."""


def bring_up_to_date(folder: Folder) -> None:
    """Apply what is missing. Raises NewerFolderError when the folder knows more."""
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
    """Copy the state file into `backups/`, consistent while others read and write it."""
    stamp = clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = folder.backups / f"before-migration-{stamp}.db"
    with sqlite3.connect(folder.state) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    target.chmod(0o600)
    log.info("state copied before a migration", file=target.name)
