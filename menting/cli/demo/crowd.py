"""The people of the demo, seen from outside: a process that is told when to act."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from menting.cli.demo import people
from menting.cli.demo.program import StepFailedError

#: A report names every person that received something: far above asyncio's 64 KiB.
LINE_BYTES = 2**24


class Crowd:
    """Orders to the people's script, and what it answers."""

    def __init__(
        self, child: asyncio.subprocess.Process, say: Callable[[str], None]
    ) -> None:
        self._child, self._say = child, say

    async def write(self) -> dict[str, Any]:
        """Let everybody write, agree or not; return how many did what."""
        return await self._order({"do": "write"})

    async def withdraw_late(self) -> int:
        """Let some opt out now; return how many."""
        return int((await self._order({"do": "withdraw_late"}))["withdrew"])

    async def report(self, *, expected: int) -> dict[str, Any]:
        """Ask what was received by whom, once `expected` messages have come."""
        return await self._order({"do": "report", "expected": expected})

    async def tell(self, what: dict[str, Any]) -> None:
        """Write one line to the script."""
        if self._child.stdin is None:
            raise StepFailedError("the people's script has no input")
        self._child.stdin.write(json.dumps(what).encode() + b"\n")
        await self._child.stdin.drain()

    async def _order(self, what: dict[str, Any]) -> dict[str, Any]:
        await self.tell(what)
        while True:
            answer = await self._hear()
            if "error" in answer:
                raise StepFailedError(f"the people's script: {answer['error']}")
            if "done" in answer:
                return answer
            self._say(answer["progress"])

    async def _hear(self) -> dict[str, Any]:
        if self._child.stdout is None or not (line := await self._child.stdout.readline()):
            raise StepFailedError("the people's script ended early")
        heard: dict[str, Any] = json.loads(line)
        return heard


@contextlib.asynccontextmanager
async def gathered(
    cast: dict[str, Any], say: Callable[[str], None]
) -> AsyncIterator[Crowd]:
    """Start the people's script with its cast; it ends with the block."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(people.__file__))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    crowd = Crowd(child, say)
    try:
        await crowd.tell(cast)
        yield crowd
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
