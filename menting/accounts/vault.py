"""Secrets of accounts, sealed with AES-256-GCM so that only their own row opens them.

The first of the keys seals, each of them opens. There are two only while the key is changed
(`rotation`): the next one is then the first.
"""

import json
from collections.abc import Mapping, Sequence

from menting.accounts.models import Account
from menting.base import config, crypto
from menting.base.folder import Folder

KEY_NAME = "vault"
#: The key that takes the place of `vault.key` once every secret is sealed with it.
NEXT_NAME = "vault-next"


class KeyMissingError(Exception):
    """The vault's key is gone and sealed secrets are there; the message says the remedy."""


#: What `keys` returned, for whoever opens or seals many in one transaction: to read the
#: files anew for each takes longer than all the rest of a sign-in here.
Keys = Sequence[bytes]


def seal(
    account: Account,
    given: Mapping[str, str],
    *,
    kept: Mapping[str, str] | None = None,
    by: Keys = (),
) -> bytes:
    """Return the secret sealed for this row.

    `given` is what the roster said, `kept` what the platform handed out since (tokens).
    Raises KeyMissingError rather than seal with a second key beside the first.
    """
    plain = json.dumps({"given": dict(given), "kept": dict(kept or {})}).encode()
    return crypto.seal((by or keys())[0], plain, bound_to=_bound_to(account))


def open(account: Account, *, by: Keys = ()) -> dict[str, str]:  # noqa: A001  # the word of the field
    """Return the plain secret: what was given, overlaid by what the platform handed out.

    Raises crypto.CannotOpenError and KeyMissingError.
    """
    parts = opened(account, by=by)
    return {**parts["given"], **parts["kept"]}


def opened(account: Account, *, by: Keys = ()) -> dict[str, dict[str, str]]:
    """Return the plain secret in its parts, `given` and `kept`. Raises as `open` does."""
    try:
        plain = _opened(account, by or keys())
    except crypto.CannotOpenError:
        # The key may have been changed since the row was read.
        account.refresh_from_db(fields=["sealed"])
        plain = _opened(account, keys())
    parts: dict[str, dict[str, str]] = json.loads(plain)
    return parts


def is_current(account: Account) -> bool:
    """Say whether the row is sealed with the key that seals now."""
    try:
        _unsealed(account, keys()[0])
    except crypto.CannotOpenError:
        return False
    return True


def keys() -> list[bytes]:
    """Return the key that seals, and after it one that still opens. Raises KeyMissingError.

    With `vault_key` set they are that one and `vault_key_old`, else those of the folder.
    """
    settings = config.current()
    given = {
        "MENTING_VAULT_KEY": settings.vault_key.get_secret_value(),
        "MENTING_VAULT_KEY_OLD": settings.vault_key_old.get_secret_value(),
    }
    if given["MENTING_VAULT_KEY"]:
        return [crypto.parse_key(text, where=name) for name, text in given.items() if text]
    folder = Folder(settings.data)
    return [*_next(folder), _current(folder)]


def _opened(account: Account, by: Keys) -> bytes:
    first, *others = by
    try:
        return _unsealed(account, first)
    except crypto.CannotOpenError:
        if not others:
            raise
        return _unsealed(account, others[0])


def _unsealed(account: Account, key: bytes) -> bytes:
    return crypto.unseal(key, bytes(account.sealed), bound_to=_bound_to(account))


def _bound_to(account: Account) -> str:
    if account.pk is None:
        raise ValueError("an account has its secret sealed only once it has an id")
    return f"account:{account.pk}"


def _next(folder: Folder) -> list[bytes]:
    try:
        return [folder.key(NEXT_NAME, make=False)]
    except FileNotFoundError:
        return []


def _current(folder: Folder) -> bytes:
    try:
        return folder.key(KEY_NAME, make=False)
    except FileNotFoundError:
        _refuse_second_key(folder)
        return folder.key(KEY_NAME)


def _refuse_second_key(folder: Folder) -> None:
    """Raise after a restore without the key: a new one would lose the old secrets."""
    if Account.objects.exclude(sealed=b"").exists():
        raise KeyMissingError(
            f"{folder.root / 'keys' / 'vault.key'} is missing: copy it from where "
            "it was kept, or set MENTING_VAULT_KEY"
        )
