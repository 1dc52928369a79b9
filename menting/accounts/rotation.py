"""Change the vault's key: every secret is sealed anew while the program runs.

It may be stopped between any two steps and called again. The next key lies beside the old
one until the last secret is sealed with it; both open meanwhile. Only then does it take the
old one's place, in one rename.
"""

import os
from collections.abc import Callable
from pathlib import Path

from django.db import connection, transaction

from menting.accounts import vault
from menting.accounts.models import Account
from menting.base import clock, config, ids
from menting.base.folder import Folder
from menting.users import audit, guard
from menting.users.guard import Actor

#: Rows in a transaction: sealing takes 10 us each, others write in between.
CHUNK = 200


def rotate(actor: Actor, *, progress: Callable[[int], None] | None = None) -> Path | None:
    """Seal every secret with a new key; return where the old key lies now.

    With the keys in the environment nothing is renamed, and None is returned: then
    MENTING_VAULT_KEY_OLD can go. Raises guard.NotAllowedError, vault.KeyMissingError and
    crypto.CannotOpenError for a secret that neither key opens.
    """
    guard.check(actor, "vault.rotate")
    vault.keys()  # refuses where the old key is missing
    folder = Folder(config.current().data)
    is_ours = not config.current().vault_key.get_secret_value()
    if is_ours:
        folder.key(vault.NEXT_NAME)
    last = 0
    while ids := _after(last):
        _seal_anew(ids)
        last = ids[-1]
        if progress is not None:
            progress(len(ids))
    return _finish(actor, folder, is_ours=is_ours)


def _after(last: int) -> list[int]:
    rows = Account.objects.filter(pk__gt=last).exclude(sealed=b"").order_by("pk")
    return list(rows.values_list("pk", flat=True)[:CHUNK])


@transaction.atomic
def _seal_anew(ids: list[int]) -> None:
    rows = Account.objects.select_for_update().filter(pk__in=ids).exclude(sealed=b"")
    for row in rows.only("pk", "sealed"):
        if not vault.is_current(row):
            parts = vault.opened(row)
            row.sealed = vault.seal(row, parts["given"], kept=parts["kept"])
            row.save(update_fields=["sealed"])


@transaction.atomic
def _finish(actor: Actor, folder: Folder, *, is_ours: bool) -> Path | None:
    """Let nobody write while the last ones are looked at and the key takes its place.

    Whoever sealed with the old key has written by then, or reads the new one.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("lock table accounts_account in exclusive mode")
        audit.record(actor, "vault.rotate")  # on SQLite the first write takes the lock
    last = 0
    while ids := _after(last):
        _seal_anew(ids)
        last = ids[-1]
    return _put_in_place(folder.root / "keys") if is_ours else None


def _put_in_place(keys: Path) -> Path:
    old = keys / f"{vault.KEY_NAME}-until-{clock.now():%Y%m%d}-{ids.code(4)}.key"
    os.link(keys / f"{vault.KEY_NAME}.key", old)
    os.replace(keys / f"{vault.NEXT_NAME}.key", keys / f"{vault.KEY_NAME}.key")
    handle = os.open(keys, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return old
