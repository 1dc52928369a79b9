"""Let the people of one channel act as they are told, and count what comes to them.

The first line of standard input is the cast (`people` as lists of user, password and name,
`shops`, `wall`, `marker`, `seed`, and where their server is); each later one is an order:
`{"do": "write" | "withdraw_late" | "report"}`. Each order ends with a line
`{"done": ...}`; lines `{"progress": ...}` come before.
"""

import abc
import asyncio
import contextlib
import itertools
import json
import random
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from menting.cli.demo.people import cast
from menting.cli.demo.people.cast import Person

ANSWER_SECONDS = 180.0
#: After the last message that was awaited, a second copy would come within this.
SETTLE_SECONDS = 3.0
REPORT_SECONDS = 120.0


class TroubleError(Exception):
    """The server did not do what a person asked of it."""


class Means(abc.ABC):
    """How people write and read on one channel."""

    #: How many come at the same time.
    at_once: ClassVar[int]

    @abc.abstractmethod
    async def come(self, person: Person) -> None:
        """Sign in and greet the shop."""

    @abc.abstractmethod
    async def say(self, person: Person, text: str) -> None:
        """Write to the shop that was greeted."""

    @abc.abstractmethod
    async def listen(self, person: Person) -> None:
        """Take in what comes, for as long as it lasts."""

    @abc.abstractmethod
    async def wall_posts(self) -> int:
        """Return how many posts with the marker stand on the wall."""


class Crowd:
    """All people on one server."""

    def __init__(self, people: list[Person], means: Means) -> None:
        self._people, self._means = people, means
        self._gate = asyncio.Semaphore(means.at_once)
        self._listening: list[asyncio.Task[None]] = []

    async def obey(self, orders: asyncio.StreamReader) -> None:
        """Do each order in turn, while everybody who has come goes on listening."""
        async with asyncio.TaskGroup() as self._listeners:
            while line := await orders.readline():
                order = json.loads(line)
                act = {"write": self.write, "withdraw_late": self.withdraw_late}.get(
                    order["do"]
                )
                done = await (act() if act else self.report(order.get("expected", 0)))
                tell({"done": order["do"], **done})
            for task in self._listening:
                task.cancel()

    async def write(self) -> dict[str, Any]:
        """Everybody greets their shop, reads its notice, and answers it or does not."""
        done = itertools.count(1)
        total = len(self._people)

        async def _one(person: Person) -> None:
            # One after the other all the way, or nobody greets before all have rooms.
            async with self._gate:
                await self._means.come(person)
            listening = self._listeners.create_task(self._means.listen(person))
            self._listening.append(listening)
            progress(next(done), total, "wrote")
            await self._answer(person)

        async with asyncio.TaskGroup() as group:
            for person in self._people:
                group.create_task(_one(person))
        return {
            "wrote": total,
            "agreed": sum(person.agrees for person in self._people),
            "withdrew": sum(bool(p.withdraws) and not p.is_late for p in self._people),
        }

    async def withdraw_late(self) -> dict[str, Any]:
        """Let some opt out between planning and sending."""
        late = [person for person in self._people if person.is_late]
        async with asyncio.TaskGroup() as group:
            for person in late:
                group.create_task(self._means.say(person, person.withdraws))
        return {"withdrew": len(late)}

    async def report(self, expected: int) -> dict[str, Any]:
        """Wait for as many marked messages as are expected, and then for second copies."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + REPORT_SECONDS:
            last = max([began, *(person.marked_at for person in self._people)])
            came = sum(len(person.marked) for person in self._people)
            if came >= expected and loop.time() > last + SETTLE_SECONDS:
                break
            await asyncio.sleep(0.2)
        got = [person for person in self._people if person.marked]
        return {
            "received_once": sum(len(p.marked) == 1 and not p.was_unasked for p in got),
            "received_twice": sum(len(person.marked) > 1 for person in got),
            "received_unasked": sum(person.was_unasked for person in self._people),
            "wall_posts": await self._means.wall_posts(),
            "received": {p.user: list(p.marked.values()) for p in got},
        }

    async def _answer(self, person: Person) -> None:
        await _hear(person)
        if person.answer:
            await self._means.say(person, person.answer)
        if person.withdraws and not person.is_late:
            await _hear(person)  # mail that is sent at once can overtake what went before
            await self._means.say(person, person.withdraws)


async def _hear(person: Person) -> None:
    """Wait until their shop has answered what they wrote last. Raises TroubleError."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(person.noticed.wait(), ANSWER_SECONDS)
    if not person.noticed.is_set():
        raise TroubleError(f"{person.shop} never answered {person.user}")
    person.noticed.clear()


def progress(done: int, total: int, what: str) -> None:
    """Tell the parent, ten times in all."""
    if done == total or done % max(1, total // 10) == 0:
        tell({"progress": f"{done} of {total} people {what}"})


def tell(what: dict[str, Any]) -> None:
    """Print one line for the parent."""
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def main(
    means: Callable[[dict[str, Any], list[Person]], AbstractAsyncContextManager[Means]],
) -> int:
    """Do what the parent orders until it closes the pipe; return the exit status."""
    orders = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    told = json.loads(await orders.readline())
    dice = random.Random(told["seed"])  # noqa: S311  # repeatable, nothing secret
    people = cast.gather(told["people"], told["shops"], dice)
    try:
        async with means(told, people) as theirs:
            await Crowd(people, theirs).obey(orders)
    except ExceptionGroup as group:
        tell({"error": repr(_first(group))})
        return 1
    return 0


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return what went wrong first, however deep it lies."""
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
