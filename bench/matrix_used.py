"""What one side of bench/matrix.py has used, told in the same way by both."""

import asyncio
import gc
import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

#: As many sign-ins side by side as the keeper's gate lets through at one host.
AT_ONCE = 32
#: The long polls stand; what signing in used and frees has been freed.
REST_SECONDS = 3.0
#: How long the processor is watched at rest.
QUIET_SECONDS = 5.0

Side = Callable[[dict[str, Any]], AbstractAsyncContextManager[dict[str, float]]]


def tell(side: Side) -> None:
    """Run a side for what stdin asks, and write the figures to stdout."""
    asked = json.load(sys.stdin)
    allow_sockets()
    json.dump(asyncio.run(_run(side, asked)), sys.stdout)


def allow_sockets() -> None:
    """Let this process have as many sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _run(side: Side, asked: dict[str, Any]) -> dict[str, float]:
    gc.collect()
    before, cpu = _resident_kilobytes(), _cpu_seconds()
    async with side(asked) as more:
        await asyncio.sleep(REST_SECONDS)
        gc.collect()
        spent, now = _cpu_seconds() - cpu, _cpu_seconds()
        kilobytes = (_resident_kilobytes() - before) / len(asked["logins"])
        await asyncio.sleep(QUIET_SECONDS)
        rest = (_cpu_seconds() - now) / QUIET_SECONDS
        return {"cpu": spent, "kb": kilobytes, "rest": rest, **more}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_kilobytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1000
