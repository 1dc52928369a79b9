"""`menting account import` and its like: what is done with a whole roster."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from menting.cli import out, ready
from menting.cli.account import Json

if TYPE_CHECKING:
    from menting.accounts import roster

#: Rejected lines in the table for a person; the file has them all.
MOST_SHOWN = 50

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="matrix, qq, mail, …")]


def import_roster(
    file: Annotated[Path, typer.Argument(help="A roster: CSV, JSON Lines or XLSX.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Import a roster; bad lines go to a file of their own, good ones are kept.

    After a stop the same file goes on where it was.
    """
    ready.database(make=True)
    told, rejected = _import(file, dry_run)
    document = {
        "id": str(file),
        "dry_run": dry_run,
        "added": told.added,
        "changed": told.changed,
        "unchanged": told.unchanged,
        "rejected": [
            {"line": one.number, "handle": one.handle, "reason": one.reason}
            for one in rejected
        ],
        "rejected_file": str(told.rejected_file) if told.rejected_file else None,
    }
    out.emit(document, json=json, human=lambda: _show_import(document))
    if rejected:
        where = f": see {told.rejected_file}" if told.rejected_file else ""
        n = len(rejected)
        out.fail(f"{n} line{' was' if n == 1 else 's were'} not taken{where}")


def template(channel: Channel, json: Json = False) -> None:
    """Print an empty roster of a channel as CSV; what the columns mean goes to stderr."""
    ready.folder()
    columns, text = _template(channel)
    document = {"id": channel, "columns": columns, "csv": text}
    out.emit(document, json=json, human=lambda: _show_template(document))


def export(
    file: Annotated[
        Path, typer.Argument(help="Where to: .csv or .jsonl; - is standard output.")
    ],
    channel: Annotated[str, typer.Option(help="Only those of this channel.")] = "",
    json: Json = False,
) -> None:
    """Write the accounts as a roster, without their secrets."""
    ready.database()
    from menting.accounts import export as roster_export
    from menting.users import guard

    text = roster_export.text(
        guard.at_shell(), as_json=file.suffix in (".jsonl", ".ndjson"), channel=channel
    )
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    _write(file, text)
    document = {"id": str(file), "bytes": len(text.encode())}
    out.emit(document, json=json, human=lambda: out.console.print(f"Written: {file}"))


def rotate_key(json: Json = False) -> None:
    """Seal every secret with a new key, while the program runs.

    After a stop it goes on where it was. With MENTING_VAULT_KEY set, give the old key as
    MENTING_VAULT_KEY_OLD beside the new one.
    """
    ready.database()
    old = _rotate()
    document = {"id": "vault", "old_key": str(old) if old else None}
    said = f"Only backups made before need {old}." if old else "The old key can go."
    out.emit(document, json=json, human=lambda: out.console.print(said, soft_wrap=True))


@out.command_errors()
def _import(file: Path, dry_run: bool) -> "tuple[roster.Stored, list[roster.Rejected]]":
    from menting.accounts import roster, vault
    from menting.users import guard

    try:
        read = roster.read(file)
        if dry_run:
            return roster.dry_run(guard.at_shell(), read), read.rejected
        with _bar("Storing", len(read.lines)) as shown:
            return roster.store(guard.at_shell(), read, progress=shown), read.rejected
    except (roster.RosterError, vault.KeyMissingError) as error:
        out.fail(f"{file}: {error}")


def _template(channel: str) -> tuple[list[dict[str, Any]], str]:
    from menting.accounts import template
    from menting.channels import registry

    try:
        columns = [asdict(column) for column in template.columns(channel)]
        return columns, template.text(channel)
    except registry.UnknownChannelError as error:
        out.fail(str(error))


@out.command_errors()
def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8-sig" if file.suffix == ".csv" else "utf-8")


@out.command_errors()
def _rotate() -> Path | None:
    from menting.accounts import rotation, vault
    from menting.accounts.models import Account
    from menting.base import crypto
    from menting.users import guard

    total = Account.objects.exclude(sealed=b"").count()
    done = 0
    try:
        with _bar("Sealing", total) as shown:

            def _told(n: int) -> None:
                nonlocal done
                done += n
                shown(done)

            return rotation.rotate(guard.at_shell(), progress=_told)
    except (crypto.CannotOpenError, vault.KeyMissingError, ValueError) as error:
        out.fail(f"the key was not changed: {error}")


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, and only to a person at a terminal."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=out.notes, disable=not out.notes.is_terminal, transient=True
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def _show_import(document: dict[str, Any]) -> None:
    would = "would be " if document["dry_run"] else ""
    out.console.print(
        f"{document['added']} {would}added, {document['changed']} {would}changed, "
        f"{document['unchanged']} as they were."
    )
    bad = [(one["line"], one["handle"], one["reason"]) for one in document["rejected"]]
    if bad:
        out.table(("line", "handle", "not taken because"), bad[:MOST_SHOWN])


def _show_template(document: dict[str, Any]) -> None:
    for column in document["columns"]:
        kind = "secret, " if column["is_secret"] else ""
        needed = "needed" if column["is_needed"] else "optional"
        out.notes.print(
            f"{column['name']}: {column['description']} ({kind}{needed})", highlight=False
        )
    typer.echo(document["csv"], nl=False)
