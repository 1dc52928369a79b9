"""From the spool to the store: two readers of the same segments, each with its watermark.

`rows` runs every second, `tops` (six random pages a visit) in large batches; each counts a
visit exactly once, for its mark is written in the transaction of what it read. A segment is
unlinked when both are past it.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from menting.base.folder import Folder
from menting.visits import segment, spool, visit
from menting.visits.segment import Chunk
from menting.visits.spool import Segment, Spool
from menting.visits.store.base import Mark
from menting.visits.store.connection import checkpoint
from menting.visits.store.embedded import Embedded
from menting.visits.visit import Visit

log = structlog.get_logger(__name__)

ROWS, TOPS = "rows", "tops"
EVERY_SECONDS = 1.0
#: A backlog is taken in batches of this many visits (28-30 k rows/s against 21 k by 1,000).
BATCH = 50_000
#: Tops wait for a full batch, but no longer than this; few visits wait a moment only.
TOPS_SECONDS = 600.0
FEW, FEW_SECONDS = 2_000, 5.0
#: A segment in use is ended after this time, so that what is rolled can be unlinked.
SEGMENT_SECONDS = 600.0
#: The log is emptied when it is this long, and after a minute when it is shorter.
LOG_BYTES = 64 * 1024 * 1024
LOG_SECONDS = 60.0
#: A record takes 60-90 bytes with its frame; only to guess how many wait.
RECORD_BYTES = 70
#: At the stop the roller works on for this long at most.
FINISH_SECONDS = 4.0
#: After a failure (a full disk, a locked store) it is tried again this much later.
RETRY_SECONDS = 5.0


class Roller:
    """Moves visits, one batch a call; one thread uses it."""

    def __init__(self, store: Path, spool_folder: Path, writing: Spool | None) -> None:
        """Open the store. `writing` is the spool of this process, if it has one."""
        self._store = Embedded(store)
        self._folder, self._writing = spool_folder, writing
        self._marks = self._store.marks()
        self._torn: set[str] = set()

    def close(self) -> None:
        """End."""
        self._store.close()

    def roll_rows(self, limit: int = BATCH) -> int:
        """Keep the next visits as rows and plain counts; return how many."""
        return self._roll(ROWS, limit, self._store.add_rows)

    def roll_tops(self, limit: int = BATCH) -> int:
        """Count the next visits' dimensions; return how many."""
        return self._roll(TOPS, limit, self._store.add_tops)

    def waiting(self, consumer: str) -> int:
        """Return the bytes that a consumer has not read yet."""
        return sum(
            max(0, self._end(each) - self._upto(consumer, each))
            for each in self._segments()
        )

    def tidy(self) -> int:
        """Unlink the segments that both consumers are past; return how many."""
        done = [
            each
            for each in self._segments()
            if not each.is_open
            and all(self._is_past(consumer, each) for consumer in (ROWS, TOPS))
        ]
        for each in done:
            each.path.unlink()
        if done:
            self._store.forget_segments(each.path.name for each in self._segments())
        return len(done)

    def _roll(self, consumer: str, limit: int, add: Callable[..., None]) -> int:
        for each in self._segments():
            chunk = segment.read(each, start=self._upto(consumer, each), limit=limit)
            self._report_torn(each, chunk)
            if chunk.records:
                mark = Mark(consumer, each.path.name, chunk.upto)
                add(_decoded(chunk.records, each), mark=mark)
                self._marks[consumer, each.path.name] = chunk.upto
                return len(chunk.records)
        return 0

    def _segments(self) -> list[Segment]:
        if self._writing is not None:
            return self._writing.segments()
        return spool.left_behind(self._folder)

    def _upto(self, consumer: str, each: Segment) -> int:
        return self._marks.get((consumer, each.path.name), 0)

    def _end(self, each: Segment) -> int:
        return each.path.stat().st_size if each.end is None else each.end

    def _is_past(self, consumer: str, each: Segment) -> bool:
        upto = self._upto(consumer, each)
        if each.end is not None:
            return upto >= each.end
        return not segment.read(each, start=upto, limit=1).records

    def _report_torn(self, each: Segment, chunk: Chunk) -> None:
        if chunk.torn and each.path.name not in self._torn:
            self._torn.add(each.path.name)
            log.warning(
                "a segment has a torn tail, which was acknowledged to nobody",
                segment=each.path.name,
                lost_bytes=chunk.torn,
            )


@dataclass(slots=True)
class _Pace:
    """When tops were counted and the segment was ended, in monotonic seconds."""

    tops: float
    segment: float

    def wants_tops(self, waiting_bytes: int, now: float) -> bool:
        """Say whether tops are due: a full batch, a few visits, or long enough waited."""
        visits = waiting_bytes // RECORD_BYTES
        waited = now - self.tops
        return waiting_bytes > 0 and (
            visits >= BATCH
            or waited >= TOPS_SECONDS
            or (visits <= FEW and waited >= FEW_SECONDS)
        )


async def run(folder: Folder, writing: Spool | None, stop: asyncio.Event) -> None:
    """Roll until `stop`, then what is left; a failure is logged and tried again.

    Raises NewerStoreError at once when a newer program wrote the store.
    """
    async with asyncio.TaskGroup() as both:
        both.create_task(_rolling(folder, writing, stop), name="rolling")
        both.create_task(_checkpointing(folder.visits, stop), name="checkpointing")


def drain(store: Path, spool_folder: Path) -> int:
    """Move all that a stopped program left in the spool; return how many visits."""
    roller = Roller(store, spool_folder, None)
    try:
        done = _roll_all(roller.roll_rows)
        _roll_all(roller.roll_tops)
        roller.tidy()
    finally:
        roller.close()
    checkpoint(store)
    return done


async def _rolling(folder: Folder, writing: Spool | None, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    now = time.monotonic()
    pace = _Pace(tops=now, segment=now)
    with ThreadPoolExecutor(1, "roller") as thread:
        roller = await loop.run_in_executor(
            thread, Roller, folder.visits, folder.spool, writing
        )
        try:
            while not stop.is_set():
                delay = await loop.run_in_executor(thread, _turn, roller, writing, pace)
                await _pause(stop, delay)
            await loop.run_in_executor(thread, _finish, roller)
        finally:
            await loop.run_in_executor(thread, roller.close)


def _turn(roller: Roller, writing: Spool | None, pace: _Pace) -> float:
    """Do what is due; return the seconds until the next turn."""
    try:
        rows = roller.roll_rows()
        now = time.monotonic()
        if pace.wants_tops(roller.waiting(TOPS), now) and roller.roll_tops() < BATCH:
            pace.tops = now
        if writing is not None and now - pace.segment >= SEGMENT_SECONDS:
            writing.roll()
            pace.segment = now
        roller.tidy()
    except Exception:
        # A full disk or a locked store: the spool keeps the visits meanwhile.
        log.exception("visits were not rolled")
        return RETRY_SECONDS
    return 0.0 if rows >= BATCH else EVERY_SECONDS


def _finish(roller: Roller) -> None:
    """Roll what is left, within a time; the rest is rolled at the next start."""
    until = time.monotonic() + FINISH_SECONDS
    try:
        for roll in (roller.roll_rows, roller.roll_tops):
            while time.monotonic() < until and roll():
                pass
        roller.tidy()
    except Exception:
        log.exception("visits were left in the spool for the next start")


async def _checkpointing(store: Path, stop: asyncio.Event) -> None:
    """Empty the store's log on a connection and thread of its own (0.5-1 s at most)."""
    loop = asyncio.get_running_loop()
    wal, last = store.with_name(store.name + "-wal"), time.monotonic()
    with ThreadPoolExecutor(1, "checkpoint") as thread:
        while not stop.is_set():
            await _pause(stop, EVERY_SECONDS)
            size = wal.stat().st_size if wal.exists() else 0
            is_old = time.monotonic() - last >= LOG_SECONDS
            if size >= LOG_BYTES or (size > 0 and is_old):
                last = time.monotonic()
                try:
                    await loop.run_in_executor(thread, checkpoint, store)
                except sqlite3.OperationalError:
                    log.exception(
                        "the visit store's log was not emptied; tried again later"
                    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _roll_all(roll: Callable[[], int]) -> int:
    total = 0
    while done := roll():
        total += done
    return total


def _decoded(records: Sequence[bytes], each: Segment) -> list[Visit]:
    visits: list[Visit] = []
    for record in records:
        try:
            visits.append(visit.decode(record))
        except msgspec.MsgspecError:
            # Whole on disk but not of this program's making: it must not stop the others.
            log.exception("a visit in the spool cannot be read", segment=each.path.name)
    return visits
