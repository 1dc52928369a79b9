"""A backup of a state in PostgreSQL, and into an empty database again."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers import postgres


def _menting(folder: Path, address: str, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "menting", "--data", str(folder), *words],
        env=environment | {"MENTING_DATABASE": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _asked(folder: Path, address: str, *words: str) -> Any:
    done = _menting(folder, address, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_backup_fills_an_empty_database_and_holds_what_would_be_sent(
    server: str, tmp_path: Path
) -> None:
    backup, first, second = tmp_path / "b.tar.gz", tmp_path / "first", tmp_path / "second"
    with postgres.fresh(server) as address, postgres.fresh(server) as empty:
        _asked(first, address, "init")
        _asked(first, address, "space", "create", "yard")
        made = _asked(first, address, "backup", str(backup))
        assert "state.dump" in made["files"]
        taken = _menting(tmp_path / "third", address, "restore", str(backup))
        assert taken.returncode == 1
        assert "the database is not empty" in taken.stderr
        _asked(second, empty, "restore", str(backup))
        spaces = _asked(second, empty, "space", "list")["items"]
        assert [space["slug"] for space in spaces] == ["yard"]
        found = _menting(second, empty, "doctor", "--json")
        house = {row["id"]: row for row in json.loads(found.stdout)["items"]}["house"]
        assert "after a restore" in house["found"]


def test_a_folder_with_other_keys_is_refused_and_told_what_to_copy(
    server: str, tmp_path: Path
) -> None:
    with postgres.fresh(server) as address:
        _asked(tmp_path / "first", address, "init")
        refused = _menting(tmp_path / "second", address, "space", "list")
    assert refused.returncode == 1
    assert "copy house.key and vault.key" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("mysql://menting@localhost/menting", "must be postgresql://"),
        ("postgresql://menting:h0ney@127.0.0.1:1/menting", "cannot be reached"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line_without_the_password(
    tmp_path: Path, address: str, told: str
) -> None:
    refused = _menting(tmp_path / "data", address, "run", "--port", "0")
    assert refused.returncode == 1
    assert told in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "h0ney" not in refused.stderr
