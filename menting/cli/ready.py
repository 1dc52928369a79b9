"""Make Django and the data folder ready before a command touches them."""

import os
from typing import NoReturn

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


def unread() -> Folder:
    """Set Django up and return the folder, with nothing of the state read or made."""
    chosen = folder()
    _set_django_up()
    return chosen


def database(*, make: bool = False, migrate: bool = True) -> Folder:
    """Set Django up over an existing state, brought up to date; return the folder.

    `make` also makes a folder and a state that are not there; without `migrate` they are
    only read.
    """
    chosen = folder()
    is_postgres = config.current().is_postgres
    if not (make or is_postgres or chosen.state.exists()):
        _fail_without_state(str(chosen.root))
    chosen.prepare()
    _set_django_up()
    from menting.server import upgrade

    if is_postgres and not (_is_made() or make):
        _fail_without_state("the database")
    if not migrate:
        return chosen
    try:
        upgrade.bring_up_to_date(chosen)
    except (upgrade.NewerFolderError, upgrade.OtherKeyError) as error:
        out.fail(str(error))
    return chosen


def _fail_without_state(where: str) -> NoReturn:
    out.fail(
        f"there is no Menting in {where}: start one with `menting run` or "
        "`menting init`, or name another folder with --data"
    )


def _set_django_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menting.server.settings")
    try:
        django.setup()
    except config.BadSettingsError as error:
        out.fail(str(error))
    from django.utils import translation

    # Pages speak their reader's language; commands, and what workers store, English.
    translation.activate("en")


def _is_made() -> bool:
    from django.db import OperationalError

    from menting.server import upgrade

    try:
        return upgrade.is_made()
    except OperationalError as error:
        # libpq's words: where it looked and why not, never the password.
        out.fail(f"the database cannot be reached: {' '.join(str(error).split())}")
