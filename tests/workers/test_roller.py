"""The roller: each visit of the spool is counted once, whatever stops it in between."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from menting.base.folder import Folder
from menting.visits import read, visit
from menting.visits.spool import Spool, left_behind
from menting.visits.store.base import Dim
from menting.visits.store.reading import EmbeddedReader
from menting.visits.visit import Visit
from menting.workers import roller
from menting.workers.roller import ROWS, TOPS, Roller


def numbered(count: int, first: int = 0) -> list[bytes]:
    """Return visits to distinct paths."""
    return [
        visit.encode(
            Visit(
                at=1_700_000_000_000 + n // 3,
                space=n % 3 + 1,
                day=19_675,
                house_day=19_675,
                path=f"/{n}",
                anon=n + 1,
                vid=n + 1,
            )
        )
        for n in range(first, first + count)
    ]


async def fill(spool: Spool, records: list[bytes]) -> None:
    """Put records and wait for the disk."""
    await asyncio.gather(*(spool.put(each) for each in records))


def counted(folder: Path) -> tuple[int, int, int]:
    """Return visits as rows, as days, and as tops of all spaces."""
    reader = EmbeddedReader(folder / "visits.db")
    try:
        rows = len(read.log(reader, space=0, limit=100_000).items)
        tops = read.top(reader, space=0, dim=Dim.PATH, limit=100_000)
        assert all(value.n == 1 for value in tops)
        return rows, read.totals(reader, space=0).n, sum(value.n for value in tops)
    finally:
        reader.close()


async def test_both_consumers_read_what_the_living_writer_has_synced(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "spool")
    rolling = Roller(tmp_path / "visits.db", tmp_path / "spool", spool)
    await fill(spool, numbered(100))
    assert rolling.roll_rows(60) == 60
    assert rolling.roll_rows() == 40
    assert rolling.roll_rows() == 0
    assert counted(tmp_path) == (100, 100, 0)
    assert rolling.waiting(TOPS) > 0
    assert rolling.roll_tops() == 100
    assert rolling.waiting(TOPS) == rolling.waiting(ROWS) == 0
    await fill(spool, numbered(5, first=100))
    assert rolling.roll_rows() == rolling.roll_tops() == 5
    assert counted(tmp_path) == (105, 105, 105)
    assert rolling.tidy() == 0
    rolling.close()
    spool.close()


async def test_a_segment_goes_when_both_are_past_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", segment_bytes=500)
    rolling = Roller(tmp_path / "visits.db", tmp_path / "spool", spool)
    for n in range(4):
        await fill(spool, numbered(20, first=20 * n))
    assert len(spool.segments()) == 4
    while rolling.roll_rows():
        pass
    assert rolling.tidy() == 0
    rolling.roll_tops(20)
    assert rolling.tidy() == 1
    while rolling.roll_tops():
        pass
    rolling.tidy()
    assert left_behind(tmp_path / "spool") == []
    assert counted(tmp_path) == (80, 80, 80)
    rolling.close()
    spool.close()


async def test_a_replay_counts_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    await fill(spool, numbered(30))
    spool.close()
    copy = left_behind(tmp_path / "spool")[0].path.read_bytes()
    name = left_behind(tmp_path / "spool")[0].path
    assert roller.drain(tmp_path / "visits.db", tmp_path / "spool") == 30
    # As after a restored backup whose spool was copied before its store.
    name.write_bytes(copy)
    assert roller.drain(tmp_path / "visits.db", tmp_path / "spool") == 0
    assert counted(tmp_path) == (30, 30, 30)
    assert left_behind(tmp_path / "spool") == []


async def test_a_torn_tail_is_left_out_and_its_segment_goes(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    await fill(spool, numbered(30))
    spool.close()
    path = left_behind(tmp_path / "spool")[0].path
    path.write_bytes(path.read_bytes()[:-3])
    assert roller.drain(tmp_path / "visits.db", tmp_path / "spool") == 29
    assert counted(tmp_path) == (29, 29, 29)
    assert left_behind(tmp_path / "spool") == []


async def test_a_record_of_another_making_does_not_stop_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    await fill(spool, [*numbered(3), b"no msgpack of ours", *numbered(3, first=3)])
    spool.close()
    roller.drain(tmp_path / "visits.db", tmp_path / "spool")
    assert counted(tmp_path) == (6, 6, 6)


async def test_it_rolls_while_it_runs_and_finishes_at_the_stop(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.prepare()
    spool = Spool(folder.spool)
    stop = asyncio.Event()
    running = asyncio.create_task(roller.run(folder, spool, stop))
    await fill(spool, numbered(50))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if folder.visits.exists() and counted(tmp_path)[0] == 50:
            break
    await fill(spool, numbered(7, first=50))
    began = time.monotonic()
    stop.set()
    await running
    assert time.monotonic() - began < 3
    spool.close()
    assert counted(tmp_path) == (57, 57, 57)


async def test_a_failure_is_tried_again_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roller, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr("menting.visits.store.connection.BUSY_SECONDS", 0.05)
    folder = Folder(tmp_path)
    folder.prepare()
    Roller(folder.visits, folder.spool, None).close()
    spool = Spool(folder.spool)
    await fill(spool, numbered(20))
    stop = asyncio.Event()
    with contextlib.closing(sqlite3.connect(folder.visits, isolation_level=None)) as other:
        other.execute("begin immediate")
        running = asyncio.create_task(roller.run(folder, spool, stop))
        await asyncio.sleep(0.6)
        other.execute("rollback")
    await asyncio.sleep(0.6)
    stop.set()
    await running
    spool.close()
    assert counted(tmp_path) == (20, 20, 20)


ROLLING = """
import sys
from pathlib import Path
from menting.workers.roller import Roller

folder = Path(sys.argv[1])
rolling = Roller(folder / "visits.db", folder / "spool", None)
print("ready", flush=True)
while rolling.roll_rows(50) + rolling.roll_tops(70):
    rolling.tidy()
"""


def test_kill_minus_9_while_rolling_neither_loses_nor_doubles(tmp_path: Path) -> None:
    async def write() -> None:
        spool = Spool(tmp_path / "spool", segment_bytes=20_000)
        await fill(spool, numbered(3000))
        spool.close()

    asyncio.run(write())
    for life in range(8):
        child = subprocess.Popen(  # noqa: S603  # our own interpreter and text
            [sys.executable, "-c", ROLLING, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.01 * life)
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        child.wait()
    roller.drain(tmp_path / "visits.db", tmp_path / "spool")
    assert counted(tmp_path) == (3000, 3000, 3000)
