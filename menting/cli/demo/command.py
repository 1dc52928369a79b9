"""`menting demo`: the whole main job on real servers, in a temporary folder."""

import asyncio
import contextlib
import json as jsonlib
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from menting.base import config
from menting.cli import out, ready
from menting.cli.demo import crowd
from menting.cli.demo.program import Program, StepFailedError
from menting.cli.demo.towns import plan
from menting.cli.demo.towns.base import Town

if TYPE_CHECKING:
    from menting.cli.demo.story import Told


def demo(
    accounts: Annotated[int, typer.Option(min=1, max=5000)] = 60,
    people: Annotated[int, typer.Option(min=1, max=20000)] = 240,
    channels: Annotated[
        str | None,
        typer.Option(
            help="Real servers to do it on: matrix (if none is named), xmpp, mail.",
            metavar="NAME,...",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats an earlier demo.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when all was shown.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object at the end.")
    ] = False,
) -> None:
    """Sign accounts in, let people come, send once to those who agreed, show visits."""
    try:
        named = plan.channels("matrix" if channels is None else channels)
        plan.check(named, accounts=accounts, people=people)
    except plan.PlanError as error:
        raise typer.BadParameter(str(error)) from None
    chosen = secrets.randbelow(10**6) if seed is None else seed
    size = {"accounts": accounts, "people": people, "seed": chosen}
    out.notes.print(f"Seed {chosen}: everything invented here follows from it.")
    with tempfile.TemporaryDirectory(prefix="menting-demo-") as root:
        program = Program(Path(root) / "data")
        with _reported(program):
            towns = plan.found(named, Path(root), **size)
            os.environ.update(program.environment)
            config.current.cache_clear()
            ready.database(make=True)
            shown = _Shown(leave=leave, json=json, by_channel=channels is not None)
            asyncio.run(_demo(program, towns, chosen, shown))


@dataclass(frozen=True, slots=True)
class _Shown:
    """How the demo ends, and what it prints then."""

    leave: bool
    json: bool
    by_channel: bool


@contextlib.contextmanager
def _reported(program: Program) -> Iterator[None]:
    try:
        yield
    except plan.ServerErrors as error:
        out.fail(str(error))
    except StepFailedError as error:
        out.notes.print(program.last_words(), highlight=False)
        out.fail(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        out.notes.print("Stopped, and everything removed.")


async def _demo(program: Program, towns: list[Town], seed: int, shown: _Shown) -> None:
    # Imported here: its parts need Django, which the folder chosen above has set up.
    from menting.cli.demo import story

    _stop_in_order()
    say = _sayer(time.monotonic())
    async with _peopled(towns, seed, story.MARKER, say) as crowds, program.running():
        link = await program.command("init", "--owner", "owner@demo.example")
        await program.open_house(
            link["link"], legal_name=story.LEGAL_NAME, contact=story.CONTACT
        )
        told = await story.Story(seed=seed, program=program, towns=towns, say=say).tell(
            crowds
        )
        say("done")
        _print(told, shown)
        if not shown.leave:
            await _stay(program)


@contextlib.asynccontextmanager
async def _peopled(
    towns: list[Town], seed: int, marker: str, say: Callable[[str], None]
) -> AsyncIterator[crowd.Crowds]:
    """Start every server and the people on it; all end with the block."""
    crowds = {}
    async with contextlib.AsyncExitStack() as stack:
        for town in towns:
            say(f"starting {town.server}")
            await stack.enter_async_context(town.running())
            say(f"{len(town.shops)} accounts and {len(town.guests)} people have a home")
            told = town.cast() | {"marker": marker, "seed": seed}
            teller = say if len(towns) == 1 else _prefixed(town.channel, say)
            crowds[town.channel] = await stack.enter_async_context(
                crowd.gathered(town.script, told, teller)
            )
        yield crowd.Crowds(crowds)


def _stop_in_order() -> None:
    """Let SIGTERM and Ctrl-C end the demo from inside: programs first, then the folder."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cast("asyncio.Task[None]", task).cancel)


def _sayer(began: float) -> Callable[[str], None]:
    def say(what: str) -> None:
        out.notes.print(f"{time.monotonic() - began:6.1f} s  {what}", highlight=False)

    return say


def _prefixed(channel: str, say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda what: say(f"{channel}: {what}")


async def _stay(program: Program) -> None:
    link = (await program.command("init", "--link"))["link"]
    out.notes.print(f"The console, signed in once by this link:\n{link}", soft_wrap=True)
    out.notes.print("Ctrl-C ends the demo and removes everything.")
    await asyncio.Event().wait()


def _print(counted: "Told", shown: _Shown) -> None:
    told = asdict(counted)
    by_channel = told["channels"] if shown.by_channel else told.pop("channels")
    if shown.json:
        sys.stdout.write(jsonlib.dumps(told, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    told.pop("channels", None)
    rows = [
        (part, what.replace("_", " "), value)
        for part, facts in told.items()
        for what, value in facts.items()
    ]
    out.table(("", "what", "counted"), rows)
    if shown.by_channel:
        _print_channels(by_channel)


def _print_channels(counted: dict[str, dict[str, Any]]) -> None:
    keys = next(iter(counted.values()))
    rows = [
        (key.replace("_", " "), *(facts[key] for facts in counted.values())) for key in keys
    ]
    out.table(("by channel", *counted), rows)
