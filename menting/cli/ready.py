"""Make Django and the data folder ready before a command touches them."""

import os

import django

from menting.base import config
from menting.base.folder import Folder
from menting.cli import out
from menting.server import logs


def folder() -> Folder:
    """Return the chosen data folder, with the settings read and found good."""
    try:
        settings = config.current()
    except config.BadSettingsError as error:
        out.fail(str(error))
    logs.configure(settings.log_level)
    return Folder(settings.data)


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

    from menting.server import logs, upgrade

    # Pages speak their reader's language; commands, and what workers store, English.
    translation.activate("en")
    # To stderr, and only what is amiss: a command's stdout is its result alone.
    logs.configure("WARNING")
    if not migrate:
        return chosen

    try:
        upgrade.bring_up_to_date(chosen)
    except upgrade.NewerFolderError as error:
        out.fail(str(error))
    return chosen
