"""The data folder: where each thing lies, its keys, and the lock of the one program."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from menting.base import crypto


class TakenError(Exception):
    """Another Menting runs on this data folder."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one data folder."""

    root: Path

    @property
    def state(self) -> Path:
        """Return the one file in which names, addresses and texts lie."""
        return self.root / "state.db"

    @property
    def visits(self) -> Path:
        """Return the visit store: integers only."""
        return self.root / "visits.db"

    @property
    def spool(self) -> Path:
        """Return the folder of the visits' segment files."""
        return self.root / "spool"

    @property
    def backups(self) -> Path:
        """Return where the state is copied before a migration."""
        return self.root / "backups"

    @property
    def rejected(self) -> Path:
        """Return where the rejected lines of imports lie, each with its reason."""
        return self.root / "rejected"

    @property
    def epoch(self) -> Path:
        """Return the file that tells a restored state from the one last run."""
        return self.root / "epoch"

    def key(self, name: str, *, make: bool = True) -> bytes:
        """Return the key `keys/NAME.key`, made with mode 0600 at first use."""
        return crypto.key_file(self.root / "keys" / f"{name}.key", make=make)

    def prepare(self) -> None:
        """Make the folder and its parts, readable by its owner alone."""
        for part in (
            self.root,
            self.root / "keys",
            self.spool,
            self.backups,
            self.rejected,
        ):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)


class Lock:
    """The right to be the one program on a folder; the kernel frees it with the process."""

    def __init__(self, folder: Folder) -> None:
        self._path = folder.root / "run.lock"
        self._handle: int | None = None

    def __enter__(self) -> "Lock":
        """Take the lock. Raises TakenError with the other program's process id."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise TakenError(
                f"{self._path.parent} is in use by the Menting with process id {other}; "
                "stop that one first, or give another folder with --data"
            ) from error
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the lock go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_running(folder: Folder) -> bool:
    """Say whether a program holds the folder now."""
    if not folder.root.exists():
        return False
    try:
        with Lock(folder):
            return False
    except TakenError:
        return True
