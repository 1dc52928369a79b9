"""Matrix accounts through the keeper and its state file, beside bare aiohttp."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.row import Row
from menting.cli.demo.homeserver import Homeserver

#: What one session costs must not grow with their number.
SIZES = (100, 1_000, 5_000)
#: Synapse takes 11 ms of its processor for a first sync: more accounts measure Synapse.
AT_SYNAPSE = 1_000

Figures = dict[str, float]


def measure() -> Iterator[Row]:
    """Sign the same accounts in twice, each time in a process of its own."""
    first: Figures | None = None
    for accounts in SIZES:
        with _home() as url:
            ours, bare = _both(
                url, [(f"@shop{n}:x", f"secret{n}") for n in range(accounts)]
            )
        where = f"{accounts:,} accounts at a homeserver of our own"
        # Of a hundred, the start of the keeper itself is the larger part.
        yield from _rows(ours, bare, where, goal="≤ 1.5 ×" if first else "-")
        first = first or ours
        if accounts == SIZES[-1]:
            yield from _growth(first, ours, accounts)
    ours, bare = _at_synapse()
    yield from _rows(ours, bare, f"{AT_SYNAPSE:,} accounts at Synapse", goal="≤ 1.5 ×")


def _rows(ours: Figures, bare: Figures, where: str, *, goal: str) -> Iterator[Row]:
    cpu, kb = ours["cpu"] / bare["cpu"], ours["kb"] / bare["kb"]
    what = f"Matrix, {where}"
    yield Row(f"{what}: CPU until all sync", ours["cpu"], "s", bare["cpu"], cpu, goal)
    yield Row(f"{what}: memory a session", ours["kb"], "kB", bare["kb"], kb, "≤ 60 kB")


def _growth(first: Figures, last: Figures, accounts: int) -> Iterator[Row]:
    small, large = first["cpu"] / SIZES[0], last["cpu"] / accounts
    what = f"Matrix, {accounts:,} accounts"
    beside = f"{what}: CPU of a sign-in, beside that at {SIZES[0]}"
    yield Row(beside, large * 1000, "ms", small * 1000, large / small, "≤ 1.2 ×")
    yield Row(f"{what} at rest: of one core", last["rest"] * 100, "%", None, None, "≤ 5 %")
    yield Row(f"{what}: longest write", last["lock"], "s", None, None, "≤ 0.25 s")


def _both(url: str, logins: list[tuple[str, str]]) -> tuple[Figures, Figures]:
    asked = json.dumps({"url": url, "logins": logins})
    with tempfile.TemporaryDirectory(prefix="menting-bench-") as folder:
        ours = _child(["-c", _KEEPER], f"{asked}\n{asked}", MENTING_DATA=folder)
    return ours, _child(["-m", "bench.matrix_bare"], asked)


def _at_synapse() -> tuple[Figures, Figures]:
    with tempfile.TemporaryDirectory(prefix="menting-bench-") as folder:
        return asyncio.run(_with_synapse(Path(folder)))


async def _with_synapse(folder: Path) -> tuple[Figures, Figures]:
    names = [f"shop{number}" for number in range(AT_SYNAPSE)]
    async with Homeserver(folder).running() as homeserver:
        await homeserver.register(dict.fromkeys(names, "Shop"))
        logins = [(homeserver.handle(n), homeserver.password(n)) for n in names]
        return await asyncio.to_thread(_both, homeserver.url, logins)


@contextlib.contextmanager
def _home() -> Iterator[str]:
    """Run the small homeserver within the block, and give its address."""
    with subprocess.Popen(  # ourselves
        [sys.executable, "-m", "bench.matrix_home"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as home:
        assert home.stdout is not None
        yield f"http://127.0.0.1:{int(home.stdout.readline())}"
        home.kill()


def _child(code: list[str], asked: str, **env: str) -> Figures:
    done = subprocess.run(  # noqa: S603  # ourselves
        [sys.executable, *code],
        input=asked.encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "menting.server.settings", **env},
        check=True,
    )
    told: Figures = json.loads(done.stdout)
    return told


#: Models can be imported only once Django is set up.
_KEEPER = "import django; django.setup(); from bench import matrix_keeper as k; k.main()"
