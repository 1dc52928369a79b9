"""`menting person`: who came, what they agreed to, their copy and their erasure."""

import json as jsonlib
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from menting.base.folder import Folder, is_running
from menting.cli import out, ready

app = typer.Typer(
    no_args_is_help=True, help="People, their consents, exports and erasures."
)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Id = Annotated[int, typer.Argument(help="The person's number, as `list` shows it.")]


@app.command("list")
@out.command_errors()
def list_(
    segment: Annotated[
        str | None,
        typer.Option(help='JSON, such as \'{"field": "consent", "is": "news"}\'.'),
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    json: Json = False,
) -> None:
    """List people, who wrote last first."""
    ready.database()
    from menting.people import read, segments

    try:
        page = read.contacts(segment=_tree(segment), cursor=cursor, limit=limit)
    except (segments.SegmentError, read.BadCursorError) as error:
        out.fail(str(error))
    out.emit(
        out.page(page.items, page.next), json=json, human=lambda: _say_list(page.items)
    )


@app.command()
@out.command_errors()
def show(person: Id, json: Json = False) -> None:
    """Show one person: identities, facts with source and time, consents with evidence."""
    ready.database()
    told = _person(person)
    out.emit(told, json=json, human=lambda: _say_person(told))


@app.command()
@out.command_errors()
def consent(person: Id, json: Json = False) -> None:
    """Show what a person agreed to and ended, with evidence; nothing grants here."""
    ready.database()
    from menting.people import consent as people_consent

    history = _person(person)["consent_history"]
    verdict = people_consent.verify_ledger()
    told = {
        "id": person,
        "items": history,
        "next": None,
        "ledger": {
            "entries": verdict.entries,
            "head": verdict.head,
            "first_broken": verdict.first_broken,
        },
    }
    out.emit(told, json=json, human=lambda: _say_history(history))
    if verdict.first_broken is not None:
        out.fail(
            f"the ledger of consent does not hold from entry {verdict.first_broken} on: "
            "somebody changed it outside Menting; compare it with a backup"
        )


@app.command()
@out.command_errors()
def export(
    person: Id,
    file: Annotated[Path, typer.Argument(help="The JSON file to write.")],
    json: Json = False,
) -> None:
    """Write the copy of everything that is kept of a person."""
    ready.database()
    from menting.people import erase as erasing
    from menting.people import export as exporting
    from menting.users import guard

    try:
        told = exporting.export(guard.at_shell(), person)
    except erasing.NoSuchPersonError as error:
        out.fail(str(error))
    _write(file, told)
    out.emit(
        {"id": person, "file": str(file)},
        json=json,
        human=lambda: out.console.print(f"All that is kept of {person} is in {file}."),
    )


@app.command()
@out.command_errors()
def erase(person: Id, json: Json = False) -> None:
    """Erase a person for good; ids and a keyed hash of each address stay."""
    folder = ready.database()
    from menting.people import erase as erasing
    from menting.users import guard

    try:
        erasure = erasing.erase(guard.at_shell(), person)
    except erasing.NoSuchPersonError as error:
        out.fail(str(error))
    is_gone = not is_running(folder) and erasing.finish_now(folder)
    told = {
        "id": person,
        "erased_at": erasure.asked_at,
        "bytes_gone": is_gone,
        "bytes_gone_by": erasure.asked_at + erasing.PROMISED,
    }
    out.emit(told, json=json, human=lambda: _say_erased(person, folder, is_gone=is_gone))


def _tree(segment: str | None) -> Any:
    try:
        return jsonlib.loads(segment) if segment else {}
    except jsonlib.JSONDecodeError as error:
        out.fail(
            f"--segment, column {error.colno}: this is not JSON ({error.msg}); write for "
            'example \'{"field": "language", "is": "en"}\''
        )


def _person(person: int) -> dict[str, Any]:
    from menting.people import erase as erasing
    from menting.people import read

    try:
        return read.person(person)
    except erasing.NoSuchPersonError as error:
        out.fail(str(error))


def _write(file: Path, told: dict[str, Any]) -> None:
    """Write the copy readable by its owner alone: it is all there is of a person."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as target:
        jsonlib.dump(
            told, target, ensure_ascii=False, indent=1, default=lambda at: at.isoformat()
        )


def _say_list(items: list[dict[str, Any]]) -> None:
    out.table(
        ["id", "name", "language", "channels", "agreed to", "last"],
        [
            (
                item["id"],
                item["name"],
                item["language"],
                ", ".join(sorted({one["channel"] for one in item["identities"]})),
                ", ".join(sorted({one["purpose"] for one in item["consents"]})),
                item["last_at"].isoformat(timespec="seconds"),
            )
            for item in items
        ],
    )


def _say_person(told: dict[str, Any]) -> None:
    _say_list([told])
    out.table(
        ["field", "value", "source", "at"],
        [
            (fact["field"], fact["value"], fact["source"], fact["at"].isoformat())
            for fact in told["facts"]
        ],
        title="What is known, and from where",
    )
    _say_history(told["consent_history"])


def _say_history(history: list[dict[str, Any]]) -> None:
    out.table(
        ["id", "at", "act", "purpose", "account", "wording", "evidence"],
        [
            (
                entry["id"],
                entry["at"].isoformat(timespec="seconds"),
                entry["act"],
                entry["purpose"],
                entry["account_handle"],
                entry["wording"]
                and f"{entry['wording']['language']} v{entry['wording']['version']}",
                entry["message"] and entry["message"]["text"],
            )
            for entry in history
        ],
        title="Ledger of consent",
    )


def _say_erased(person: int, folder: Folder, *, is_gone: bool) -> None:
    when = (
        "No byte is left in the data folder's state."
        if is_gone
        else "The running program takes the bytes out of the file within 24 hours."
    )
    out.console.print(
        f"Person {person} is erased. {when}\n"
        f"Backups made before keep theirs: delete them, also those in {folder.backups}.",
        soft_wrap=True,
    )
