"""The boot epoch: tells a state that was restored from a backup from the one last run.

Each start writes a new epoch into the state and into a file beside it. A state whose epoch
the file does not know is older than what has gone out since: sending from it again would
repeat messages, so everything is held until the owner says go on.
"""

import os
import secrets

from django.db import transaction

from menting.base.folder import Folder
from menting.campaigns import outbox
from menting.users import house


def begin(folder: Folder) -> bool:
    """Start a new epoch; return True when the state was found restored and is now held."""
    known = _read(folder)
    last = house.get().epoch
    was_restored = bool(last) and last not in known
    if was_restored:
        _hold()
    new = secrets.token_hex(16)
    # The file knows both before the state knows the new one: a crash here holds nothing.
    _write(folder, [last, new])
    _store(new)
    return was_restored


@transaction.atomic
def _hold() -> None:
    house.hold()
    outbox.pause_all("restored from a backup")


@transaction.atomic
def _store(epoch: str) -> None:
    here = house.get()
    here.epoch = epoch
    here.save(update_fields=["epoch"])


def _read(folder: Folder) -> list[str]:
    return folder.epoch.read_text().split() if folder.epoch.exists() else []


def _write(folder: Folder, epochs: list[str]) -> None:
    fresh = folder.epoch.with_suffix(".new")
    with fresh.open("w") as out:
        out.write("\n".join(filter(None, epochs)) + "\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(folder.epoch)
