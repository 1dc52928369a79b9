"""Backup and restore: whole, in use, damaged, hostile."""

import io
import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from menting.base.folder import Folder, Lock, TakenError
from menting.server import archive
from menting.visits.spool import Spool
from menting.workers import roller
from tests.workers.test_roller import counted, fill, numbered

pytestmark = pytest.mark.sqlite("copies the file; test_dump.py is about PostgreSQL")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.prepare()
    for key in ("vault", "house"):
        folder.key(key)
    with sqlite3.connect(folder.state) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t(n)")
        db.executemany("insert into t values (?)", [(n,) for n in range(1000)])
    db.close()
    return folder


def _count(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("select count(*) from t").fetchone()[0])
    finally:
        db.close()


def test_a_backup_brings_everything_back_but_the_vault_key(
    folder: Folder, tmp_path: Path
) -> None:
    archive.write(folder, tmp_path / "b.tar.gz")
    fresh = Folder(tmp_path / "fresh")
    archive.restore(fresh, tmp_path / "b.tar.gz")
    assert _count(fresh.state) == 1000
    assert fresh.key("house", make=False) == folder.key("house")
    assert not (fresh.root / "keys" / "vault.key").exists()


def test_a_backup_is_consistent_while_the_state_is_written(
    folder: Folder, tmp_path: Path
) -> None:
    writer = sqlite3.connect(folder.state, isolation_level=None)
    writer.execute("begin immediate")
    writer.execute("insert into t values (1)")
    with Lock(folder):
        archive.write(folder, tmp_path / "b.tar.gz")
    writer.execute("rollback")
    writer.close()
    fresh = Folder(tmp_path / "fresh")
    archive.restore(fresh, tmp_path / "b.tar.gz")
    assert _count(fresh.state) == 1000


async def test_each_visit_counts_once_wherever_the_roller_was(
    folder: Folder, tmp_path: Path
) -> None:
    spool = Spool(folder.spool)
    await fill(spool, numbered(300))
    part = roller.Roller(folder.visits, folder.spool, spool)
    assert part.roll_rows(limit=120) == 120
    archive.write(folder, tmp_path / "b.tar.gz")
    part.close()
    spool.close()
    fresh = Folder(tmp_path / "fresh")
    archive.restore(fresh, tmp_path / "b.tar.gz")
    roller.drain(fresh.visits, fresh.spool)
    assert counted(fresh.root) == (300, 300, 300)


async def test_segments_forgotten_between_two_copies_are_copied_anew(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(folder.spool)
    await fill(spool, numbered(300))
    spool.close()
    copy_once = archive._copy_database  # the moment between the two copies
    drained: list[int] = []

    def drain_first(path: Path, copy: Path) -> Path:
        if path == folder.visits and not drained:
            drained.append(roller.drain(folder.visits, folder.spool))
        return copy_once(path, copy)

    roller.Roller(folder.visits, folder.spool, None).close()
    monkeypatch.setattr(archive, "_copy_database", drain_first)
    archive.write(folder, tmp_path / "b.tar.gz")
    fresh = Folder(tmp_path / "fresh")
    archive.restore(fresh, tmp_path / "b.tar.gz")
    roller.drain(fresh.visits, fresh.spool)
    assert drained == [300]
    assert counted(fresh.root) == (300, 300, 300)


def test_a_state_is_never_overwritten(folder: Folder, tmp_path: Path) -> None:
    archive.write(folder, tmp_path / "b.tar.gz")
    with pytest.raises(archive.BadBackupError, match="already holds a state"):
        archive.restore(folder, tmp_path / "b.tar.gz")


def test_a_folder_in_use_is_not_restored_into(folder: Folder, tmp_path: Path) -> None:
    archive.write(folder, tmp_path / "b.tar.gz")
    with Lock(folder), pytest.raises(TakenError):
        archive.restore(folder, tmp_path / "b.tar.gz")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_half_a_backup_is_refused_and_leaves_nothing(
    folder: Folder, tmp_path: Path, cut: float
) -> None:
    backup = tmp_path / "b.tar.gz"
    archive.write(folder, backup)
    backup.write_bytes(backup.read_bytes()[: int(backup.stat().st_size * cut)])
    fresh = Folder(tmp_path / "fresh")
    with pytest.raises(archive.BadBackupError):
        archive.restore(fresh, backup)
    assert not fresh.state.exists()


def _tar(path: Path, files: dict[str, bytes], digests: dict[str, str]) -> Path:
    manifest = {"format": 1, "program": "x", "made_at": "x", "files": digests}
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {
            "manifest.json": json.dumps(manifest).encode(),
            **files,
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "spool/../../evil", "keys/vault.key"]
)
def test_a_backup_cannot_write_elsewhere(tmp_path: Path, name: str) -> None:
    backup = _tar(tmp_path / "b.tar.gz", {name: b"x"}, {name: "00"})
    with pytest.raises(archive.BadBackupError, match="no place"):
        archive.restore(Folder(tmp_path / "fresh"), backup)


def test_a_changed_file_is_found_by_its_checksum(tmp_path: Path) -> None:
    backup = _tar(tmp_path / "b.tar.gz", {"state.db": b"x"}, {"state.db": "00"})
    with pytest.raises(archive.BadBackupError, match="checksum of state"):
        archive.restore(Folder(tmp_path / "fresh"), backup)
