"""The data folder: where each thing lies, its keys, and the locks of the programs on it."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from menting.base import crypto
from menting.base.roles import ALL, Role


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
    """The right to some roles on a folder; the kernel frees it with the process.

    On SQLite one process has a role. Over PostgreSQL several may share one (`is_shared`),
    but for the roller: the visit store of a folder has one writer.
    """

    def __init__(
        self, folder: Folder, roles: Iterable[Role] = ALL, *, is_shared: bool = False
    ) -> None:
        self._folder, self._is_shared = folder, is_shared
        # In one order, so that two that start together do not each get a part.
        self._roles = [role for role in ALL if role in set(roles)]
        self._handles: list[int] = []

    def __enter__(self) -> "Lock":
        """Take the lock. Raises TakenError with the other program's process id."""
        try:
            for role in self._roles:
                self._handles.append(self._take(role))
        except TakenError:
            self._let_go()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the lock go."""
        self._let_go()

    def _take(self, role: Role) -> int:
        how = fcntl.LOCK_SH if self._is_shared and role != Role.ROLLER else fcntl.LOCK_EX
        path = self._folder.root / f"run-{role}.lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise TakenError(
                f"{self._folder.root} is in use by the Menting with process id {other} "
                f"({role}); stop that one first, or give another folder with --data"
            ) from error
        os.truncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        return handle

    def _let_go(self) -> None:
        while self._handles:
            os.close(self._handles.pop())


@contextmanager
def turn(folder: Folder, name: str) -> Iterator[None]:
    """Wait until no other process of this machine does what is named, then hold it."""
    handle = os.open(folder.root / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_running(folder: Folder, roles: Iterable[Role] = ALL) -> bool:
    """Say whether a program has any of these roles on the folder now."""
    if not folder.root.exists():
        return False
    try:
        with Lock(folder, roles):
            return False
    except TakenError:
        return True
