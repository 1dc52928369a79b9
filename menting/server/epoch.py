"""The boot epoch: tells a state that was restored from a backup from the one last run.

Each start writes a new epoch into the state and into a file beside it. A state whose epoch
the file does not know is older than what has gone out since: sending from it again would
repeat messages, so everything is held until the owner says go on.
"""

import os
import secrets

from django.db import transaction

from menting.base import config
from menting.base.folder import Folder, turn
from menting.campaigns import outbox
from menting.users import house
from menting.users.models import House


def begin(folder: Folder) -> bool:
    """Start a new epoch; return True when the state was found restored and is now held."""
    with turn(folder, "epoch"), transaction.atomic():
        # Locked: two processes that start together take one epoch after the other.
        last = House.objects.select_for_update().get(pk=house.get().pk).epoch
        known = _read(folder)
        was_restored = bool(last) and _is_old(last, known)
        if was_restored:
            hold()
        new = _after(last)
        # The file knows both before the state does: a crash here holds nothing.
        _write(folder, [last, new])
        _store(new)
    return was_restored


def _is_old(last: str, known: list[str]) -> bool:
    """Say whether the state is older than what this folder has seen of it.

    A state in PostgreSQL is started from other folders too: a later epoch is theirs.
    """
    if not config.current().is_postgres:
        return last not in known
    return (
        any(
            _number(one) > _number(last) or (_number(one) == _number(last) and one != last)
            for one in known
        )
        and last not in known
    )


def _after(last: str) -> str:
    return f"{_number(last) + 1:08d}-{secrets.token_hex(8)}"


def _number(epoch: str) -> int:
    number, _, _ = epoch.rpartition("-")
    return int(number) if number else 0


@transaction.atomic
def hold() -> None:
    """Let nothing be sent until the owner says go on."""
    house.hold()
    outbox.pause_all("restored from a backup")


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
