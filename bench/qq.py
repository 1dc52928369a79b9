"""QQ bots by the thousand: memory beside a bare WebSocket, and a gateway that is killed."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.qq_platform import WRITTEN
from bench.row import Row

AWAY_SECONDS = 5.0


def measure(*, accounts: int = 4_000) -> Iterator[Row]:
    """Open the same sessions in two processes; then hold them, and take QQ away."""
    with _child("bench.qq_platform", str(accounts)) as platform:
        given = _hear(platform)
        ours, bare = (_memory(side, given) for side in ("ours", "bare"))
        yield Row(
            f"QQ, a session of {accounts:,}: memory",
            *(ours, "KiB", bare, ours / bare, "≤ 30 KiB"),
        )
        with tempfile.TemporaryDirectory(prefix="menting-bench-qq-") as folder:
            yield from _outage(platform, given, folder)


def _outage(
    platform: "subprocess.Popen[str]", given: dict[str, Any], folder: str
) -> Iterator[Row]:
    """Let the keeper hold all sessions while the platform goes away."""
    count = len(given["bots"])
    with _child("bench.qq_sessions", "keeper", folder=folder) as keeper:
        _tell(keeper, json.dumps(given))
        assert _hear(keeper)["held"] == count
        _tell(platform, str(AWAY_SECONDS))
        back = _hear(platform)
        _tell(keeper, str(count * WRITTEN))
        heard = _hear(keeper)
    sys.stderr.write(f"reconnects by second: {back['by_second']}\n")
    assert (back["resumed"], back["begun"]) == (count, 0), back
    name = f"QQ, {count:,} sessions after {AWAY_SECONDS:.0f} s without a platform"
    yield Row(f"{name}: all resumed in", back["seconds"], "s", None, None, "≤ 60 s")
    busiest = max(back["by_second"])
    yield Row(f"{name}: the busiest second", busiest, "sessions", None, None, "≤ 300")
    yield Row(f"{name}: events lost", heard["lost"], "", None, None, "0")
    yield Row(f"{name}: events handled twice", heard["twice"], "", None, None, "0")


def _memory(side: str, given: dict[str, Any]) -> float:
    with _child("bench.qq_sessions", side) as child:
        _tell(child, json.dumps(given))
        return float(_hear(child)["bytes"]) / 1024


@contextmanager
def _child(module: str, *given: str, folder: str = "") -> Iterator["subprocess.Popen[str]"]:
    settings = {"DJANGO_SETTINGS_MODULE": "menting.server.settings"}
    child = subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-m", module, *given],
        env=os.environ | ({"MENTING_DATA": folder, **settings} if folder else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _tell(child: "subprocess.Popen[str]", line: str) -> None:
    assert child.stdin is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()


def _hear(child: "subprocess.Popen[str]") -> dict[str, Any]:
    assert child.stdout is not None
    told: dict[str, Any] = json.loads(child.stdout.readline())
    return told
