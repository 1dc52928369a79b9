"""How soon `menting run` is ready on an existing folder, and what it holds when idle."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.row import Row


def measure() -> Iterator[Row]:
    """Start the program five times on one folder; the first one makes the folder."""
    _run_once()
    times, memory = zip(*(_run_once() for _ in range(4)), strict=True)
    yield Row(
        "menting run ready, existing folder", sorted(times)[1], "s", None, None, "≤ 3 s"
    )
    yield Row("menting run, idle memory", max(memory), "MB", None, None, "≤ 150 MB")


def _run_once() -> tuple[float, float]:
    port = _free_port()
    began = time.monotonic()
    command = [sys.executable, "-m", "menting", "run", "--port", str(port)]
    program = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait_until_ready(port, until=began + 60)
        ready = time.monotonic() - began
        time.sleep(3)  # what start-up used and frees has been freed
        return ready, _resident_megabytes(program.pid)
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(timeout=15)


def _wait_until_ready(port: int, *, until: float) -> None:
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                json.load(answer)
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    raise TimeoutError("the program was not ready within a minute")


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
