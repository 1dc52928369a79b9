"""What a command prints: one JSON document, or a table for a person; errors in one line."""

import functools
import json as jsonlib
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

P = ParamSpec("P")
R = TypeVar("R")

#: Progress and notes go to stderr, so that stdout holds the result alone.
notes = Console(stderr=True)
console = Console()


class CommandError(Exception):
    """A command was refused; the message says why and what to do."""


def fail(message: str) -> NoReturn:
    """End the command with exit status 1 and one line on stderr."""
    sys.stderr.write(" ".join(message.split()) + "\n")
    raise typer.Exit(1)


def emit(thing: Any, *, json: bool, human: Callable[[], None]) -> None:
    """Print `thing` as one JSON document, or let `human` print it for a person."""
    if json:
        sys.stdout.write(jsonlib.dumps(thing, ensure_ascii=False, default=_plain) + "\n")
    else:
        human()


def page(items: Sequence[Any], following: str | None) -> dict[str, Any]:
    """Return a list as scripts get it: `{"items": […], "next": null or a cursor}`."""
    return {"items": list(items), "next": following}


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = ""
) -> None:
    """Print rows for a person."""
    grid = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(grid)


def command_errors(*kinds: type[Exception]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Turn the given errors, and those common to all, into one line and status 1."""
    common = (CommandError, OSError, UnicodeError, ValidationError)
    caught: tuple[type[Exception], ...] = (*common, *kinds)

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return command(*args, **kwargs)
            except caught as error:
                fail(str(error) or type(error).__name__)

        return wrapped

    return decorate


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON output")
