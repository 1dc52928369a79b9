"""`menting backup` and `menting restore`."""

from pathlib import Path
from typing import Annotated

import typer

from menting.base import config
from menting.base.folder import TakenError
from menting.cli import out, ready


@out.command_errors()
def backup(
    file: Annotated[Path, typer.Argument(help="The backup to write (.tar.gz).")],
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Write a backup, also while the program runs; the vault's key is not in it."""
    folder = ready.database()
    from menting.server import archive
    from menting.users import audit, guard

    actor = guard.at_shell()
    guard.check(actor, "backup.make")
    manifest = archive.write(folder, file)
    audit.record(actor, "backup.make", detail={"files": len(manifest["files"])})
    vault = folder.root / "keys" / "vault.key"
    out.emit(
        {"id": manifest["made_at"], "file": str(file), **manifest, "vault_key": str(vault)},
        json=json,
        human=lambda: out.console.print(
            f"Backup written to {file}: {len(manifest['files'])} files with checksums.\n"
            f"Keep {vault} in another safe place: without it no account can sign in again.",
            soft_wrap=True,
        ),
    )


def restore(
    file: Annotated[
        Path | None, typer.Argument(help="A backup made by `menting backup`.")
    ] = None,
    go_on: Annotated[
        bool,
        typer.Option("--go-on", help="After a restore: let campaigns be started again."),
    ] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Restore a backup into an empty data folder; campaigns stay paused until --go-on."""
    if (file is None) == (not go_on):
        raise typer.BadParameter(
            "give a FILE to restore, or --go-on after one was restored"
        )
    if file is None:
        _go_on(json)
    else:
        _restore(file, json)


@out.command_errors()
def _go_on(json: bool) -> None:
    ready.database()
    from menting.users import guard, house

    house.go_on(guard.at_shell())
    out.emit(
        {"id": "house", "held": False},
        json=json,
        human=lambda: out.console.print("Campaigns may be started again, one by one."),
    )


@out.command_errors(TakenError)
def _restore(file: Path, json: bool) -> None:
    folder = ready.unread()
    from menting.server import archive

    try:
        manifest = archive.restore(folder, file)
    except archive.BadBackupError as error:
        out.fail(str(error))
    ready.database()
    from menting.server import epoch
    from menting.users import audit, guard

    if config.current().is_postgres:
        # A new folder has seen no epoch of a shared database, and so could not tell.
        epoch.hold()
    audit.record(
        guard.at_shell(), "backup.restore", detail={"files": len(manifest["files"])}
    )
    vault = folder.root / "keys" / "vault.key"
    missing = not vault.exists()
    out.emit(
        {
            "id": manifest["made_at"],
            "folder": str(folder.root),
            "vault_key_missing": missing,
        },
        json=json,
        human=lambda: _say_restored(
            folder.root, manifest["made_at"], vault if missing else None
        ),
    )


def _say_restored(root: Path, made_at: str, missing_key: Path | None) -> None:
    out.console.print(f"{root} holds the backup of {made_at}.", soft_wrap=True)
    if missing_key is not None:
        out.console.print(
            f"The vault's key is not in a backup: copy yours to {missing_key} (mode 0600), "
            "or set MENTING_VAULT_KEY; without it import the roster again.",
            soft_wrap=True,
        )
    out.console.print(
        "Messages may have gone out after this backup was made: every campaign is paused "
        "until `menting restore --go-on`, and then starts one by one.",
        soft_wrap=True,
    )
