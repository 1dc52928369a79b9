"""The spool: what was acknowledged is there, whatever is torn, killed or refused."""

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from menting.visits import segment
from menting.visits.spool import (
    Spool,
    SpoolError,
    SpoolFailedError,
    SpoolFullError,
    left_behind,
)
from tests.visits import spooled


async def test_what_was_awaited_can_be_read_while_the_writer_lives(spool: Spool) -> None:
    await asyncio.gather(*(spool.put(b"r%d" % n) for n in range(500)))
    (only,) = spool.segments()
    assert only.is_open
    chunk = segment.read(only, start=0, limit=1000)
    assert chunk.records == [b"r%d" % n for n in range(500)]
    assert chunk.upto == only.end
    assert chunk.torn == 0


async def test_a_reader_goes_on_from_where_it_stopped(spool: Spool) -> None:
    await asyncio.gather(*(spool.put(b"r%d" % n) for n in range(50)))
    (only,) = spool.segments()
    seen: list[bytes] = []
    upto = 0
    while (chunk := segment.read(only, start=upto, limit=7)).records:
        seen += chunk.records
        upto = chunk.upto
    assert seen == [b"r%d" % n for n in range(50)]


async def test_a_reader_stops_at_the_synced_end_and_not_at_the_end_of_the_file(
    spool: Spool,
) -> None:
    await spool.put(b"synced")
    (only,) = spool.segments()
    with only.path.open("ab") as file:
        file.write(b"\x05\x00\x00\x00half")
    assert segment.read(only, start=0, limit=9).records == [b"synced"]
    assert segment.read(only, start=0, limit=9).torn == 0


async def test_one_that_is_cancelled_takes_nobody_with_it(spool: Spool) -> None:
    async def send() -> None:
        await spool.put(b"x")

    gone, stays = asyncio.create_task(send()), asyncio.create_task(send())
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert gone.cancelled() or gone.cancelling()


async def test_a_segment_of_an_earlier_life_is_never_appended_to(tmp_path: Path) -> None:
    for life in (b"first", b"second"):
        spool = Spool(tmp_path / "spool")
        await spool.put(life)
        spool.close()
    assert len(left_behind(tmp_path / "spool")) == 2
    assert sorted(spooled.records(tmp_path / "spool")) == [b"first", b"second"]


async def test_a_segment_ends_when_it_is_full_or_when_asked(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", segment_bytes=100)
    await spool.put(b"x" * 200)
    assert [each.is_open for each in spool.segments()] == [False]
    await spool.put(b"y")
    spool.roll()
    await spool.put(b"z")
    assert [each.is_open for each in spool.segments()].count(True) == 1
    assert len(spool.segments()) == 3
    spool.close()


async def test_what_waits_at_the_close_is_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    first = spool.put(b"first")
    spool.close()
    await first
    assert spooled.records(tmp_path / "spool") == [b"first"]
    with pytest.raises(SpoolError):
        await spool.put(b"late")


async def test_too_many_that_wait_are_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", waiting_max=3)
    for _ in range(3):
        future = spool.put(b"x")
    with pytest.raises(SpoolFullError):
        await spool.put(b"x")
    await future
    spool.close()


async def test_a_failed_sync_fails_the_batch_and_the_next_goes_to_another_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool")
    await spool.put(b"good")
    sync = os.fdatasync

    def refuse(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(SpoolFailedError):
        await spool.put(b"refused")
    assert "Input/output error" in spool.trouble()
    monkeypatch.setattr(os, "fdatasync", sync)
    await spool.put(b"after")
    assert spool.trouble() == ""
    spool.close()
    assert len(left_behind(tmp_path / "spool")) == 2
    assert spooled.records(tmp_path / "spool") == [b"good", b"after"]


@pytest.mark.parametrize("seed", range(60))
async def test_a_torn_tail_leaves_a_clean_prefix(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    spool = Spool(tmp_path / "spool")
    written = [rng.randbytes(rng.randint(1, 200)) for _ in range(60)]
    await asyncio.gather(*(spool.put(each) for each in written))
    spool.close()
    path = left_behind(tmp_path / "spool")[0].path
    whole = path.read_bytes()
    cut = rng.randrange(len(whole))
    tail = bytes(len(whole) - cut) if seed % 2 else b""
    path.write_bytes(whole[:cut] + tail)
    chunk = segment.read(spooled.whole(path), start=0, limit=1000)
    assert chunk.records == written[: len(chunk.records)]
    assert chunk.upto <= cut
    assert chunk.upto + chunk.torn == cut + len(tail)
    lost = len(written[len(chunk.records)]) + 8
    assert cut < chunk.upto + lost


WRITER = """
import asyncio, sys
from pathlib import Path
from menting.visits.spool import Spool

async def client(spool, me):
    for n in range(1_000_000):
        await spool.put(b"%d.%d" % (me, n))
        sys.stdout.write(f"{me}.{n}\\n")
        sys.stdout.flush()

async def main():
    spool = Spool(Path(sys.argv[1]))
    await asyncio.gather(*(client(spool, me) for me in range(16)))

asyncio.run(main())
"""


def test_no_acknowledged_record_is_lost_or_doubled_by_kill_minus_9(tmp_path: Path) -> None:
    acknowledged: Counter[bytes] = Counter()
    for life in range(5):
        writer = subprocess.Popen(  # noqa: S603  # our own interpreter and text
            [sys.executable, "-c", WRITER, str(tmp_path / f"{life}")],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(400 + 150 * life)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines(keepends=True)
        writer.stdout.close()
        writer.wait()
        acknowledged.clear()
        acknowledged.update(line.strip() for line in lines if line.endswith(b"\n"))
        kept = Counter(spooled.records(tmp_path / f"{life}"))
        assert acknowledged
        assert not acknowledged - kept
        assert max(kept.values()) == 1
