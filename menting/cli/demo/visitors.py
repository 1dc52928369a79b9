"""Visit a space over HTTP from a process of its own, as browsers do, and count the answers.

Run as a script; shares no code with the product. Prints one JSON object.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter

import aiohttp

BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; M2101K6G) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.44",
)
PATHS = ("/", "/reading", "/winter", "/guestbook", "/opening-hours")
REFERRERS = ("", "https://search.example/find?q=books", "https://social.example/p/7")
AT_ONCE = 32


async def visit(
    door: str, *, space: str, origin: str, count: int, seed: int
) -> Counter[str]:
    """Send `count` visits to the door; return how many were answered how, by path."""
    dice = random.Random(seed)  # noqa: S311  # invented data, repeatable by its seed
    answers: Counter[str] = Counter()
    gate = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(count):
            body = {
                "space": space,
                "path": dice.choice(PATHS),
                "referrer": dice.choice(REFERRERS),
            }
            headers = {"Origin": origin, "User-Agent": dice.choice(BROWSERS)}
            group.create_task(_one(session, gate, door, body, headers, answers))
    return answers


async def _one(
    session: aiohttp.ClientSession,
    gate: asyncio.Semaphore,
    door: str,
    body: dict[str, str],
    headers: dict[str, str],
    answers: Counter[str],
) -> None:
    async with gate, session.post(door, json=body, headers=headers) as answer:
        answers[str(answer.status)] += 1
        if answer.status == 204:
            answers[body["path"]] += 1


def main() -> None:
    """Read what to do from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("door", "space", "origin"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("count", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    answers = asyncio.run(
        visit(
            asked.door,
            space=asked.space,
            origin=asked.origin,
            count=asked.count,
            seed=asked.seed,
        )
    )
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
