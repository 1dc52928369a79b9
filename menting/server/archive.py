"""Backups: a tar of the state, the visits and the spool with checksums, and back again.

The vault's key is left out, so that a stolen backup opens no account. The spool is copied
before the visit store: what the roller moves meanwhile is then in both, and the store's
watermark makes it count once; the other order could lose it.
"""

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from django.db import connection

from menting import __version__
from menting.base import clock
from menting.base.folder import Folder, Lock
from menting.server import dump
from menting.visits import files
from menting.visits.store.reading import EmbeddedReader

MANIFEST = "manifest.json"
FORMAT = 1
#: The state where it is in PostgreSQL: pg_dump's custom format.
DUMP = "state.dump"
CONSUMERS = ("rows", "tops")
#: What a backup may hold; anything else in the tar is refused.
PARTS = frozenset({"state.db", DUMP, "visits.db", "menting.toml", "keys/house.key"})


class BadBackupError(Exception):
    """The file is no whole backup of this program, or has no place to go."""


def write(folder: Folder, target: Path) -> dict[str, Any]:
    """Write a backup of a folder, also of one in use; return its manifest.

    Raises dump.NoToolError and dump.ToolFailedError where the state is in PostgreSQL.
    """
    with tempfile.TemporaryDirectory(dir=folder.root, prefix="backup-") as workshop:
        parts = _collect(folder, Path(workshop))
        manifest = {
            "format": FORMAT,
            "program": __version__,
            "made_at": clock.now().isoformat(),
            "files": {name: _digest(path) for name, path in sorted(parts.items())},
        }
        unfinished = target.with_name(target.name + ".part")
        with tarfile.open(unfinished, "w:gz", compresslevel=1) as tar:
            _add_bytes(tar, MANIFEST, json.dumps(manifest, indent=1).encode())
            for name, path in sorted(parts.items()):
                tar.add(path, arcname=name, recursive=False)
        unfinished.chmod(0o600)
        unfinished.replace(target)
    return manifest


def restore(folder: Folder, source: Path) -> dict[str, Any]:
    """Put a backup into a folder, and a database, without a state; return its manifest.

    Every checksum is compared before anything is put in its place. Raises BadBackupError,
    TakenError when a program uses the folder, dump.NoToolError and dump.ToolFailedError.
    """
    folder.prepare()
    with Lock(folder):
        _refuse_taken(folder)
        with tempfile.TemporaryDirectory(dir=folder.root, prefix="restore-") as workshop:
            manifest = _unpack(source, Path(workshop))
            _restore_database(manifest, Path(workshop))
            for name in manifest["files"]:
                if name != DUMP:
                    _put(Path(workshop) / name, folder.root / name)
    return manifest


def _refuse_taken(folder: Folder) -> None:
    if connection.vendor == "postgresql":
        if connection.introspection.table_names():
            raise BadBackupError(
                "the database is not empty: name a new one in the setting `database`"
            )
    elif folder.state.exists():
        raise BadBackupError(
            f"{folder.root} already holds a state: move it away first, "
            "or restore into an empty folder with --data"
        )


def _restore_database(manifest: dict[str, Any], workshop: Path) -> None:
    is_dump = DUMP in manifest["files"]
    if is_dump != (connection.vendor == "postgresql"):
        needed = "a PostgreSQL database" if is_dump else "SQLite"
        raise BadBackupError(
            f"this backup is of a state in {needed}: set `database` to match"
        )
    if is_dump:
        dump.read(workshop / DUMP)


def _collect(folder: Folder, workshop: Path) -> dict[str, Path]:
    parts = _copy_visits(folder, workshop)
    if connection.vendor == "postgresql":
        parts[DUMP] = workshop / DUMP
        dump.write(parts[DUMP])
    else:
        parts["state.db"] = _copy_database(folder.state, workshop / "state.db")
    for name in ("menting.toml", "keys/house.key"):
        if (folder.root / name).exists():
            parts[name] = folder.root / name
    return parts


def _copy_visits(folder: Folder, workshop: Path) -> dict[str, Path]:
    """Copy spool and store so that each visit counts once, while the roller works.

    A segment that was rolled and forgotten between the two copies would come in twice; then
    both are copied anew. Segments are forgotten every ten minutes at most.
    """
    while True:
        segments = _copy_spool(folder, workshop)
        if not folder.visits.exists():
            return segments
        store = _copy_database(folder.visits, workshop / "visits.db")
        reader = EmbeddedReader(store)
        known = {name for consumer in CONSUMERS for name in reader.rolled(consumer)[0]}
        reader.close()
        gone = {
            path.name
            for path in segments.values()
            if not (folder.spool / path.name).exists()
        }
        if gone <= known:
            return {**segments, "visits.db": store}


def _copy_spool(folder: Folder, workshop: Path) -> dict[str, Path]:
    segments: dict[str, Path] = {}
    for segment in files.listed(folder.spool):
        copy = workshop / segment.name
        try:
            shutil.copyfile(segment, copy)
        except FileNotFoundError:
            continue  # rolled and unlinked meanwhile: it is in the store, copied next
        segments[f"spool/{segment.name}"] = copy
    return segments


def _copy_database(path: Path, copy: Path) -> Path:
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return copy


def _unpack(source: Path, workshop: Path) -> dict[str, Any]:
    try:
        with tarfile.open(source, "r:gz") as tar:
            manifest = _manifest(tar, source)
            for name in manifest["files"]:
                _extract(tar, name, workshop / name)
    except (tarfile.TarError, EOFError, KeyError, ValueError, OSError) as error:
        raise BadBackupError(f"{source} is no whole backup: {error}") from error
    for name, digest in manifest["files"].items():
        if _digest(workshop / name) != digest:
            raise BadBackupError(f"{source} is damaged: the checksum of {name} differs")
    return manifest


def _manifest(tar: tarfile.TarFile, source: Path) -> dict[str, Any]:
    stream = tar.extractfile(MANIFEST)
    if stream is None:
        raise ValueError(f"{MANIFEST} is missing")
    manifest: dict[str, Any] = json.load(stream)
    if manifest["format"] != FORMAT:
        raise BadBackupError(
            f"{source} was made by a newer Menting ({manifest['program']})"
        )
    for name in manifest["files"]:
        if name not in PARTS and not (name.startswith("spool/") and name.count("/") == 1):
            raise ValueError(f"{name!r} has no place in a backup")
    return manifest


def _extract(tar: tarfile.TarFile, name: str, target: Path) -> None:
    stream = tar.extractfile(name)
    if stream is None:
        raise ValueError(f"{name} is missing")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(stream, out)


def _put(source: Path, target: Path) -> None:
    if target.name == "menting.toml" and target.exists():
        return  # settings belong to the machine that they are on
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.replace(target)
    target.chmod(0o600)


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o600
    tar.addfile(entry, io.BytesIO(content))


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
