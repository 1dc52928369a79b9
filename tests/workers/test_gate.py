"""The gate: so many at once and so far apart at a host, so many in all."""

import asyncio
from collections import Counter

from menting.channels.base import Starts
from menting.workers import gate
from menting.workers.gate import Gate

SLOWLY = Starts(at_once=1, gap=0.05)


class Passing:
    """Counts who is within the gate."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.within: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.times: list[float] = []

    async def go(self, host: str, starts: Starts, seconds: float = 0.01) -> None:
        async with self.gate.passed("matrix", host, starts):
            self.times.append(asyncio.get_running_loop().time())
            for name in (host, "all"):
                self.within[name] += 1
                self.most[name] = max(self.most[name], self.within[name])
            await asyncio.sleep(seconds)
            for name in (host, "all"):
                self.within[name] -= 1


async def test_a_host_has_its_places_and_all_hosts_together_have_theirs() -> None:
    passing = Passing()
    hosts = [f"host {number}" for number in range(10)]
    await asyncio.gather(
        *(passing.go(host, Starts(at_once=12)) for host in hosts for _ in range(30))
    )
    assert {passing.most[host] for host in hosts} == {12}
    assert passing.most["all"] == gate.AT_ONCE


async def test_a_gap_lies_between_two_sign_ins_at_one_host() -> None:
    passing = Passing()
    await asyncio.gather(*(passing.go("slow", SLOWLY, 0) for _ in range(5)))
    apart = [b - a for a, b in zip(passing.times, passing.times[1:], strict=False)]
    assert min(apart) >= SLOWLY.gap * 0.9


async def test_a_slow_host_holds_no_other_up() -> None:
    passing = Passing()
    waiting = [asyncio.create_task(passing.go("slow", SLOWLY, 5)) for _ in range(100)]
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await passing.go("quick", Starts())
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
