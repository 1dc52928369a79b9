"""The `menting` command: the data folder is chosen here, then the noun does the work."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from menting import __version__
from menting.cli import (
    account,
    backup,
    campaign,
    doctor,
    init,
    person,
    roster,
    run,
    space,
    token,
    visit,
)
from menting.cli.demo import command as demo

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Menting 门庭: the front desk for people who run more than one account.",
)
account.app.command("import")(roster.import_roster)
account.app.command("template")(roster.template)
account.app.command("export")(roster.export)
account.app.command("rotate-key")(roster.rotate_key)
app.add_typer(account.app, name="account")
app.add_typer(person.app, name="person")
app.add_typer(campaign.app, name="campaign")
app.add_typer(space.app, name="space")
app.add_typer(visit.app, name="visit")
app.add_typer(token.app, name="token")
app.command("run")(run.run)
app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"menting {__version__}")
        raise typer.Exit


@app.callback()
def choose_folder(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--data", help="The data folder; else MENTING_DATA, else ./menting-data."
        ),
    ] = None,
    _asked: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say the version."
        ),
    ] = False,
) -> None:
    """Menting 门庭."""
    if folder is not None:
        os.environ["MENTING_DATA"] = str(folder.expanduser().resolve())


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line."""
    app(args=args, prog_name="menting")
