"""`menting demo`: the whole main job on a real homeserver, in a temporary folder."""

import asyncio
import contextlib
import json as jsonlib
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import typer

from menting.base import config
from menting.cli import out, ready
from menting.cli.demo.homeserver import Homeserver, HomeserverError
from menting.cli.demo.program import Program, StepFailedError

NAMES = ("阿木", "小禾", "沈听澜", "秦拾一", "温清弦", "Élodie", "Maximiliane", "阮一川")


def demo(
    accounts: Annotated[int, typer.Option(min=1, max=5000)] = 60,
    people: Annotated[int, typer.Option(min=1, max=20000)] = 240,
    seed: Annotated[int | None, typer.Option(help="Repeats an earlier demo.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when all was shown.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object at the end.")
    ] = False,
) -> None:
    """Sign accounts in, let people come, send once to those who agreed, show visits."""
    chosen = secrets.randbelow(10**6) if seed is None else seed
    out.notes.print(f"Seed {chosen}: everything invented here follows from it.")
    with tempfile.TemporaryDirectory(prefix="menting-demo-") as root:
        program = Program(Path(root) / "data")
        os.environ.update(program.environment)
        config.current.cache_clear()
        ready.database(make=True)
        with _reported(program):
            asyncio.run(_demo(program, accounts, people, chosen, leave=leave, json=json))


@contextlib.contextmanager
def _reported(program: Program) -> Iterator[None]:
    try:
        yield
    except HomeserverError as error:
        out.fail(str(error))
    except StepFailedError as error:
        out.notes.print(program.last_words(), highlight=False)
        out.fail(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        out.notes.print("Stopped, and everything removed.")


async def _demo(
    program: Program, accounts: int, people: int, seed: int, *, leave: bool, json: bool
) -> None:
    # Imported here: its parts need Django, which the folder chosen above has set up.
    from menting.cli.demo import crowd
    from menting.cli.demo.story import CONTACT, LEGAL_NAME, MARKER, Size, Story, shop

    _stop_in_order()
    say = _sayer(time.monotonic())
    homeserver = Homeserver(program.folder.parent / "homeserver")
    say("starting a Matrix homeserver")
    async with homeserver.running():
        shops = {shop(n): f"Shop {n + 1}" for n in range(accounts)}
        guests = _guests(people, seed)
        await homeserver.register({**shops, **guests})
        await homeserver.open_wall(shop(0))
        say(f"{accounts} accounts and {people} people have a home")
        told = _cast(homeserver, shops, guests) | {"marker": MARKER, "seed": seed}
        async with program.running(), crowd.gathered(told, say) as together:
            link = await program.command("init", "--owner", "owner@demo.example")
            await program.open_house(link["link"], legal_name=LEGAL_NAME, contact=CONTACT)
            size = Size(accounts=accounts, people=people, seed=seed)
            story = Story(size=size, program=program, homeserver=homeserver, say=say)
            counted = await story.tell(together)
            say("done")
            _print(asdict(counted), json=json)
            if not leave:
                await _stay(program)


def _cast(
    homeserver: Homeserver, shops: Iterable[str], guests: Iterable[str]
) -> dict[str, object]:
    return {
        "homeserver": homeserver.url,
        "people": [(name, homeserver.password(name)) for name in guests],
        "shops": [homeserver.handle(name) for name in shops],
        "wall": homeserver.wall,
    }


def _stop_in_order() -> None:
    """Let SIGTERM and Ctrl-C end the demo from inside: programs first, then the folder."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cast("asyncio.Task[None]", task).cancel)


def _guests(people: int, seed: int) -> dict[str, str]:
    dice = random.Random(seed)  # noqa: S311  # invented people, repeatable by the seed
    return {f"guest{n + 1:05}": f"{dice.choice(NAMES)} {n + 1}" for n in range(people)}


def _sayer(began: float) -> Callable[[str], None]:
    def say(what: str) -> None:
        out.notes.print(f"{time.monotonic() - began:6.1f} s  {what}", highlight=False)

    return say


async def _stay(program: Program) -> None:
    link = (await program.command("init", "--link"))["link"]
    out.notes.print(f"The console, signed in once by this link:\n{link}", soft_wrap=True)
    out.notes.print("Ctrl-C ends the demo and removes everything.")
    await asyncio.Event().wait()


def _print(told: dict[str, dict[str, object]], *, json: bool) -> None:
    if json:
        sys.stdout.write(jsonlib.dumps(told, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    rows = [
        (part, what.replace("_", " "), value)
        for part, facts in told.items()
        for what, value in facts.items()
    ]
    out.table(("", "what", "counted"), rows)
