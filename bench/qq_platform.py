"""QQ in a process of its own: makes bots, goes away when told, and counts who came back."""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from bench import sockets
from tests.fakes.qq import FakeQQ
from tests.fakes.qq_api import Bot

#: What is written to each bot: just before the end, and while nobody listens.
WRITTEN = 2
MOST_SECONDS = 180.0


async def _serve(count: int) -> None:
    sockets.allow()
    qq = FakeQQ()
    bots = [qq.bot() for _ in range(count)]
    people = [qq.openid() for _ in bots]
    async with qq.running():
        _say({"url": qq.url, "bots": [(bot.appid, bot.secret) for bot in bots]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say(await _outage(qq, bots, people, seconds=float(line)))


async def _outage(
    qq: FakeQQ, bots: list[Bot], people: list[str], *, seconds: float
) -> dict[str, Any]:
    """End every connection, be away for a while, and watch them come back."""
    before = [bot.gateway.resumed for bot in bots]
    begun = sum(bot.gateway.begun for bot in bots)
    for bot, person in zip(bots, people, strict=True):
        await qq.write(bot, person, "just before")
    await qq.go_away()
    for bot, person in zip(bots, people, strict=True):
        await qq.write(bot, person, "while away")
    await asyncio.sleep(seconds)
    await qq.come_back()
    began, came = time.monotonic(), Counter[int]()
    waiting = set(range(len(bots)))
    while waiting and time.monotonic() - began < MOST_SECONDS:
        back = {n for n in waiting if bots[n].gateway.resumed > before[n]}
        came[int(time.monotonic() - began)] += len(back)
        waiting -= back
        await asyncio.sleep(0.05)
    return {
        "seconds": time.monotonic() - began,
        "resumed": len(bots) - len(waiting),
        "begun": sum(bot.gateway.begun for bot in bots) - begun,
        "by_second": [came[second] for second in range(max(came, default=0) + 1)],
    }


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
