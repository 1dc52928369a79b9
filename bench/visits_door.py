"""The door's figure: visits acknowledged after fdatasync beside an empty ASGI app."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.row import Row
from bench.visits_server import ORIGIN

SECONDS = 4
#: Before it, for both alike: 2,000 user agents are parsed once, which takes 0.4 s.
WARM_SECONDS = 2
#: Runs of each, the best counts: another process on the machine makes a run slower only.
RUNS = 3
AGENTS = 2_000

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")


def measure() -> Iterator[Row]:
    """Measure at 256 and 64 connections; server and load have a core each."""
    with tempfile.TemporaryDirectory(prefix="menting-bench-door-") as folder:
        yield Row(
            "this disk: append 16 kB and fdatasync, p50",
            _fdatasync_ms(Path(folder)),
            "ms",
            None,
            None,
            "-",
        )
        wrk = shutil.which("wrk")
        if wrk is None:
            sys.stderr.write("the door is left out: wrk is missing (apt install wrk)\n")
            return
        script = Path(folder) / "beacons.lua"
        script.write_text(_lua())
        for connections, goal in ((256, "≥ 0.5 ×"), (64, "≥ 0.4 ×")):
            rates = {"empty": 0.0, "door": 0.0}
            for _ in range(RUNS):
                for which, best in rates.items():
                    rate = _rate(wrk, script, which, connections)
                    rates[which] = max(best, rate)
            yield Row(
                f"visits acknowledged, {connections} connections",
                rates["door"],
                "1/s",
                rates["empty"],
                rates["door"] / rates["empty"],
                goal,
            )


def _rate(wrk: str, script: Path, which: str, connections: int) -> float:
    with _server(which) as port:
        for seconds in (WARM_SECONDS, SECONDS):
            command = [
                *_on_core(1),
                *(wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)),
                f"http://127.0.0.1:{port}/v",
            ]
            told = subprocess.run(  # noqa: S603  # wrk against our own server
                command, capture_output=True, text=True, check=True
            ).stdout
    refused = _REFUSED.search(told)
    if refused:
        raise RuntimeError(f"{which}: {refused.group(1)} beacons were refused")
    found = _RATE.search(told)
    if found is None:
        raise RuntimeError(f"wrk said no rate: {told}")
    return float(found.group(1))


@contextmanager
def _server(which: str) -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="menting-bench-spool-") as folder:
        command = [*_on_core(0), sys.executable, "-m", "bench.visits_server", which, folder]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
        try:
            if server.stdout is None:
                raise RuntimeError("the server has no output")
            yield int(server.stdout.readline())
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)


def _on_core(number: int) -> list[str]:
    taskset = shutil.which("taskset")
    cores = sorted(os.sched_getaffinity(0))
    if taskset is None or len(cores) < 2:
        return []
    return [taskset, "-c", str(cores[number])]


def _lua() -> str:
    """Return a script of wrk: 2,000 beacons, each of another browser and another page."""
    requests = []
    for n in range(AGENTS):
        agent = (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
            f"Gecko) Chrome/{80 + n % 60}.0.{4000 + n}.{n % 200} Safari/537.36"
        )
        body = {
            "space": "garden",
            "path": f"/posts/{n % 500}",
            "referrer": f"https://site{n % 50}.example/page",
        }
        requests.append((agent, json.dumps(body)))
    lines = [
        f"requests[{number}] = wrk.format('POST', '/v', {{['Origin'] = '{ORIGIN}', "
        f"['User-Agent'] = '{agent}', ['Content-Type'] = 'text/plain'}}, '{body}')"
        for number, (agent, body) in enumerate(requests)
    ]
    return (
        "local requests = {}\nlocal n = 0\n"
        "function init(args)\n" + "\n".join(lines) + "\nend\n"
        f"function request()\n  n = (n + 1) % {AGENTS}\n  return requests[n]\nend\n"
    )


def _fdatasync_ms(folder: Path) -> float:
    times = []
    handle = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(200):
            began = time.perf_counter()
            os.write(handle, bytes(16_384))
            os.fdatasync(handle)
            times.append(time.perf_counter() - began)
    finally:
        os.close(handle)
    return sorted(times)[len(times) // 2] * 1000
