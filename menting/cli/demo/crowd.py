"""The people of the demo, seen from outside: processes that are told when to act."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from menting.cli.demo.program import StepFailedError

#: What each channel's people answered.
Answers = dict[str, dict[str, Any]]

#: A report names every person that received something: far above asyncio's 64 KiB.
LINE_BYTES = 2**24


class Crowd:
    """Orders to the script of one channel's people, and what it answers."""

    def __init__(
        self, child: asyncio.subprocess.Process, say: Callable[[str], None]
    ) -> None:
        self._child, self._say = child, say

    async def tell(self, what: dict[str, Any]) -> None:
        """Write one line to the script."""
        if self._child.stdin is None:
            raise StepFailedError("the people's script has no input")
        self._child.stdin.write(json.dumps(what).encode() + b"\n")
        await self._child.stdin.drain()

    async def order(self, what: dict[str, Any]) -> dict[str, Any]:
        """Give one order and return its answer. Raises StepFailedError."""
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


class Crowds:
    """The people of all channels, who act side by side."""

    def __init__(self, crowds: Mapping[str, Crowd]) -> None:
        self._crowds = crowds

    async def write(self) -> Answers:
        """Let everybody write, agree or not; return how many did what."""
        return await self._order({name: {"do": "write"} for name in self._crowds})

    async def withdraw_late(self) -> Answers:
        """Let some opt out now; return how many."""
        return await self._order({name: {"do": "withdraw_late"} for name in self._crowds})

    async def report(self, expected: Mapping[str, int]) -> Answers:
        """Ask what was received by whom, once as many messages as expected have come."""
        return await self._order(
            {
                name: {"do": "report", "expected": expected.get(name, 0)}
                for name in self._crowds
            }
        )

    async def _order(self, orders: Answers) -> Answers:
        told = await asyncio.gather(
            *(self._crowds[name].order(order) for name, order in orders.items())
        )
        return dict(zip(orders, told, strict=True))


@contextlib.asynccontextmanager
async def gathered(
    script: str, cast: dict[str, Any], say: Callable[[str], None]
) -> AsyncIterator[Crowd]:
    """Start a script of people with its cast; it ends with the block."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", script),
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
