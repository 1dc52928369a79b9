"""The whole way in, killed under load: what was answered 204 is counted exactly once."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from pathlib import Path

from menting.visits import read
from menting.visits.store.base import Dim
from menting.visits.store.reading import EmbeddedReader
from menting.workers import roller
from tests.visits.conftest import FIREFOX, ORIGIN

#: Serves a door for one origin, and rolls; prints its port.
SERVER = """
import asyncio, socket, sys
from pathlib import Path
from zoneinfo import ZoneInfo
import uvicorn
from menting.base.folder import Folder
from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Snapshot, SpaceSeen
from menting.workers import roller

async def main():
    folder = Folder(Path(sys.argv[1]))
    folder.prepare()
    utc = ZoneInfo("UTC")
    garden = SpaceSeen(1, "garden", frozenset({sys.argv[2]}), utc)
    snapshot = Snapshot({"garden": garden}, utc)
    spool = Spool(folder.spool, segment_bytes=20_000)
    door = Door(spool=spool, spaces=lambda: snapshot, key=b"k" * 32)
    listener = socket.create_server(("127.0.0.1", 0))
    settings = uvicorn.Config(door, lifespan="off", log_config=None, access_log=False)
    roller.EVERY_SECONDS = roller.FEW_SECONDS = 0.05
    async with asyncio.TaskGroup() as both:
        both.create_task(uvicorn.Server(settings).serve(sockets=[listener]))
        both.create_task(roller.run(folder, spool, asyncio.Event()))
        print(listener.getsockname()[1], flush=True)

asyncio.run(main())
"""
#: All together less than the paths of a year that a space may have (20,000).
LIVES, CLIENTS, VISITS = 4, 12, 400


def test_no_answered_visit_is_lost_or_counted_twice_by_kill_minus_9(tmp_path: Path) -> None:
    answered: set[str] = set()
    for life in range(LIVES):
        child = subprocess.Popen(  # noqa: S603  # our own interpreter and text
            [sys.executable, "-c", SERVER, str(tmp_path), ORIGIN], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        port = int(child.stdout.readline())
        answered |= asyncio.run(_load(port, life, child))
        child.stdout.close()
        child.wait()
    roller.drain(tmp_path / "visits.db", tmp_path / "spool")
    reader = EmbeddedReader(tmp_path / "visits.db")
    tops = {v.value: v.n for v in read.top(reader, space=1, dim=Dim.PATH, limit=1 << 20)}
    rows = [seen.path for seen in read.log(reader, space=1, limit=1 << 20).items]
    reader.close()
    assert len(answered) > LIVES * CLIENTS
    assert answered <= set(rows)
    assert len(rows) == len(set(rows)) == len(tops)
    assert set(tops.values()) == {1}
    assert read_days(tmp_path) == len(rows)


def read_days(folder: Path) -> int:
    """Return the visits that the days count."""
    reader = EmbeddedReader(folder / "visits.db")
    total = read.totals(reader, space=0).n
    reader.close()
    return total


async def _load(port: int, life: int, child: subprocess.Popen[bytes]) -> set[str]:
    """Send beacons from many clients until the kill; return what was answered."""
    answered: set[str] = set()

    async def client(me: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            for number in range(VISITS):
                path = f"/{life}-{me}-{number}"
                writer.write(_request(path))
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 204")
                answered.add(path)
                await asyncio.sleep(0.002)  # the kill comes before the last one
            await reader.readuntil(b"\r\n")

    async def kill() -> None:
        await asyncio.sleep(0.3 + 0.1 * life)
        child.send_signal(signal.SIGKILL)

    done = await asyncio.gather(
        kill(), *map(client, range(CLIENTS)), return_exceptions=True
    )
    assert all(
        isinstance(each, asyncio.IncompleteReadError | ConnectionError) for each in done[1:]
    )
    return answered


def _request(path: str) -> bytes:
    body = b'{"space": "garden", "path": "%s"}' % path.encode()
    return (
        f"POST /v HTTP/1.1\r\nhost: localhost\r\norigin: {ORIGIN}\r\n"
        f"user-agent: {FIREFOX}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
