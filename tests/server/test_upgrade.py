"""The way up of a folder: copied before, and never downwards."""

import sqlite3
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from menting.base.folder import Folder
from menting.server import upgrade

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.prepare()
    return folder


def test_a_newer_folder_is_refused_and_named(folder: Folder) -> None:
    MigrationRecorder(connection).record_applied("people", "9999_from_the_future")
    with pytest.raises(upgrade.NewerFolderError, match=r"people\.9999_from_the_future"):
        upgrade.bring_up_to_date(folder)


def test_a_folder_up_to_date_is_left_alone(folder: Folder) -> None:
    upgrade.bring_up_to_date(folder)
    assert list(folder.backups.iterdir()) == []


@pytest.mark.sqlite("copies the file")
@pytest.mark.django_db(transaction=True)
def test_the_state_is_copied_before_it_changes(folder: Folder) -> None:
    with sqlite3.connect(folder.state) as db:
        db.execute("create table precious(n)")
    db.close()
    call_command("migrate", "people", "0002_ledger_guards", verbosity=0)
    upgrade.bring_up_to_date(folder)
    (copy,) = folder.backups.iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    kept = sqlite3.connect(copy)
    assert kept.execute("select name from sqlite_master").fetchall() == [("precious",)]
    kept.close()
    assert "0003_hook_events" in {
        name for app, name in MigrationRecorder(connection).applied_migrations()
    }
