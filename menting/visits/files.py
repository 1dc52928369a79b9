"""Segment files as processes of a machine see them: in use while they are locked."""

import fcntl
import os
from pathlib import Path

SUFFIX = ".seg"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND


def make(path: Path) -> int:
    """Make a segment that has its name only once others see that it is in use."""
    unnamed = path.with_suffix(".new")
    handle = os.open(unnamed, _NEW_FILE, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    unnamed.rename(path)
    return handle


def is_in_use(path: Path) -> bool:
    """Say whether a process has the segment open for writing, or it is gone already."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def listed(folder: Path) -> list[Path]:
    """Return the segment files of a spool, oldest first."""
    return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
