"""The spool: append-only segment files, group commit, and nothing acknowledged unsynced."""

import asyncio
import contextlib
import enum
import os
import queue
import secrets
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from menting.base import clock
from menting.base.meters import FDATASYNC
from menting.visits import files

log = structlog.get_logger(__name__)

#: Length and crc32 before each record.
FRAME = struct.Struct("<II")
SEGMENT_BYTES = 64 * 1024 * 1024
#: Records that may wait for the disk before the door says 503; some 0.5 s of work.
WAITING_MAX = 20_000


class SpoolError(Exception):
    """A visit was not kept.

    SpoolFullError: too many wait for the disk. SpoolFailedError: the disk refused.
    """


class SpoolFullError(SpoolError):
    """Too many visits wait for the disk: try again in a second."""


class SpoolFailedError(SpoolError):
    """The disk did not take the visits."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the spool."""

    path: Path
    #: Bytes known to be on disk; None in a segment of an earlier life: its clean prefix.
    end: int | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    records: list[bytes]
    futures: list[asyncio.Future[None]]
    loop: asyncio.AbstractEventLoop


class _Order(enum.Enum):
    """What else the thread is asked for."""

    #: End the present segment.
    ROLL = "roll"
    #: End the thread.
    STOP = "stop"


class Spool:
    """The writing side, one for a process and its event loop; one thread does the writing.

    A batch closes when the one before it is on disk, so many visits share one fdatasync
    under load and a single one waits for nothing. Waiting 1-2 ms to gather more was
    measured slower: the clients stand still meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._waiting_max = waiting_max
        self._writer = _Writer(folder, segment_bytes)
        self._now: list[bytes] = []
        self._futures: list[asyncio.Future[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_busy = self._is_closed = False
        self._jobs: queue.SimpleQueue[_Batch | _Order] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def put(self, record: bytes) -> asyncio.Future[None]:
        """Hand a record over; the future is done when it is on disk.

        It is this record's own (one shared by the batch would be cancelled for all with one
        waiting task, and shielding each costs more). It raises SpoolFailedError; this call
        raises SpoolFullError, and SpoolError after `close`.
        """
        if self._is_closed:
            raise SpoolError("the spool is closed")
        if len(self._now) >= self._waiting_max:
            raise SpoolFullError("too many visits wait for the disk")
        if not self._is_busy:
            self._is_busy = True
            self._loop = asyncio.get_running_loop()
            # What else is ready in this turn of the loop joins the batch.
            self._loop.call_soon(self._start)
        future = asyncio.get_running_loop().create_future()
        self._now.append(record)
        self._futures.append(future)
        return future

    def segments(self) -> list[Segment]:
        """Return all segments, oldest first, with how far each may be read."""
        return self._writer.segments()

    def roll(self) -> None:
        """End the present segment, so that it can be unlinked; from any thread."""
        self._jobs.put(_Order.ROLL)

    def trouble(self) -> str:
        """Return what keeps visits from being kept, or an empty string."""
        return self._writer.trouble

    def close(self) -> None:
        """Write what waits, and end. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._jobs.put(_Order.STOP)
        self._thread.join()
        if self._now:
            error = self._commit(self._now)
            _settle(self._futures, error)
            self._now, self._futures = [], []
        self._writer.close()

    def _start(self) -> None:
        if not self._now or self._loop is None or self._is_closed:
            self._is_busy = False
            return
        batch = _Batch(self._now, self._futures, self._loop)
        self._now, self._futures = [], []
        self._jobs.put(batch)

    def _run(self) -> None:
        while (batch := self._jobs.get()) is not _Order.STOP:
            if isinstance(batch, _Order):
                self._writer.close()
                continue
            error = self._commit(batch.records)
            # The loop may have ended before its spool; then nobody waits any more.
            with contextlib.suppress(RuntimeError):
                batch.loop.call_soon_threadsafe(self._done, batch.futures, error)

    def _commit(self, records: Sequence[bytes]) -> Exception | None:
        try:
            self._writer.commit(records)
        except Exception as error:
            # Whatever it is, those who wait must hear of it and the thread must go on.
            self._writer.trouble = f"visits are refused: {error}"
            log.exception("visits were not kept", visits=len(records))
            return error
        return None

    def _done(self, futures: list[asyncio.Future[None]], error: Exception | None) -> None:
        self._start()
        _settle(futures, error)


class _Writer:
    """The files; `commit` is called by one thread at a time."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.trouble = ""
        self._folder, self._segment_bytes = folder, segment_bytes
        self._handle = -1
        self._path: Path | None = None
        self._lock = threading.Lock()
        #: Synced bytes of each segment of this life.
        self._ends: dict[str, int] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def commit(self, records: Sequence[bytes]) -> None:
        try:
            path = self._segment()
            written = _write(self._handle, records)
            with FDATASYNC.time():
                os.fdatasync(self._handle)
        except OSError:
            self._give_up()
            raise
        self.trouble = ""
        end = self._ends[path.name] + written
        self._ends[path.name] = end
        if end >= self._segment_bytes:
            self.close()

    def segments(self) -> list[Segment]:
        # Under the lock: a file just made must not be seen as closed, or it is unlinked.
        with self._lock:
            return [
                Segment(path, self._ends.get(path.name), path == self._path)
                for path in files.listed(self._folder)
                if path.name in self._ends or not files.is_in_use(path)
            ]

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        with self._lock:
            self._handle, self._path = -1, None

    def _segment(self) -> Path:
        if self._path is not None:
            return self._path
        # A name never comes back, so that a watermark cannot be taken for another file's.
        name = f"{clock.now_millis():012x}-{secrets.token_hex(4)}{files.SUFFIX}"
        path = self._folder / name
        with self._lock:
            self._handle = files.make(path)
            self._path, self._ends[name] = path, 0
        _sync_folder(self._folder)
        return path

    def _give_up(self) -> None:
        """Close the segment at its last good offset; a failed fsync is never believed."""
        if self._path is not None:
            try:
                os.ftruncate(self._handle, self._ends[self._path.name])
            except OSError:
                # What is left behind was answered 503, and readers stop before it.
                log.exception("a segment was not cut", segment=self._path.name)
        self.close()


def left_behind(folder: Path) -> list[Segment]:
    """Return the segments of a spool that no program writes to now."""
    return [
        Segment(path, None, is_open=False)
        for path in files.listed(folder)
        if not files.is_in_use(path)
    ]


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each segment by its name."""
    found = {}
    for path in files.listed(folder):
        # One that was unlinked meanwhile is in the store.
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = path.stat().st_size
    return found


def _write(handle: int, records: Sequence[bytes]) -> int:
    parts: list[bytes] = []
    for record in records:
        parts += (FRAME.pack(len(record), zlib.crc32(record)), record)
    view = memoryview(b"".join(parts))
    size = len(view)
    while view:
        view = view[os.write(handle, view) :]
    return size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _settle(futures: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue  # its task was cancelled
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(SpoolFailedError("the visit was not kept"))
