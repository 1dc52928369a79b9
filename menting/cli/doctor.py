"""`menting doctor`: look at folder, machine and settings, and say what to do."""

from dataclasses import asdict
from typing import Annotated

import typer

from menting.base import config
from menting.cli import out, ready


@out.command_errors()
def doctor(json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Examine folder, disk, clock, migrations, port, certificate and keys."""
    folder = ready.database(migrate=False)
    from menting.server import examine

    findings = list(examine.examine(folder, config.current()))
    out.emit(
        out.page([asdict(finding) for finding in findings], None),
        json=json,
        human=lambda: out.table(
            ("", "what", "found", "do"),
            [("!" if f.remedy else "ok", f.id, f.found, f.remedy) for f in findings],
        ),
    )
    if any(finding.remedy for finding in findings):
        raise typer.Exit(1)
