"""Make Django and the data folder ready before a command touches them."""

import os

import django

from menting.base import config
from menting.base.folder import Folder
from menting.cli import out
from menting.server import logs


def folder() -> Folder:
    """Return the chosen data folder, with the settings read and found good."""
    # A command's stdout is its result alone, and its stderr one line when it is refused.
    logs.configure("WARNING")
    try:
        return Folder(config.current().data)
    except config.BadSettingsError as error:
        out.fail(str(error))


def database(*, make: bool = False, migrate: bool = True) -> Folder:
    """Set Django up over an existing data folder, brought up to date; return the folder.

    `make` also makes a folder that is not there; without `migrate` it is only read.
    """
    chosen = folder()
    if not make and not chosen.state.exists():
        out.fail(
            f"there is no Menting in {chosen.root}: start one with `menting run` or "
            "`menting init`, or name another folder with --data"
        )
    chosen.prepare()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menting.server.settings")
    django.setup()
    from django.utils import translation

    from menting.server import upgrade

    # Pages speak their reader's language; commands, and what workers store, English.
    translation.activate("en")
    if not migrate:
        return chosen
    try:
        upgrade.bring_up_to_date(chosen)
    except upgrade.NewerFolderError as error:
        out.fail(str(error))
    return chosen
