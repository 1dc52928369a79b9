"""Secrets of accounts, sealed with AES-256-GCM so that only their own row opens them."""

import json
from collections.abc import Mapping

from menting.accounts.models import Account
from menting.base import config, crypto
from menting.base.folder import Folder

KEY_NAME = "vault"


class KeyMissingError(Exception):
    """The vault's key is gone and sealed secrets are there; the message says the remedy."""


def seal(
    account: Account, given: Mapping[str, str], *, kept: Mapping[str, str] | None = None
) -> bytes:
    """Return the secret sealed for this row.

    `given` is what the roster said, `kept` what the platform handed out since (tokens).
    Raises KeyMissingError rather than seal with a second key beside the first.
    """
    plain = json.dumps({"given": dict(given), "kept": dict(kept or {})}).encode()
    return crypto.seal(_key(), plain, bound_to=_bound_to(account))


def open(account: Account) -> dict[str, str]:  # noqa: A001  # the word of the field
    """Return the plain secret: what was given, overlaid by what the platform handed out.

    Raises crypto.CannotOpenError and KeyMissingError.
    """
    parts = opened(account)
    return {**parts["given"], **parts["kept"]}


def opened(account: Account) -> dict[str, dict[str, str]]:
    """Return the plain secret in its parts, `given` and `kept`. Raises as `open` does."""
    plain = crypto.unseal(_key(), bytes(account.sealed), bound_to=_bound_to(account))
    parts: dict[str, dict[str, str]] = json.loads(plain)
    return parts


def _bound_to(account: Account) -> str:
    if account.pk is None:
        raise ValueError("an account has its secret sealed only once it has an id")
    return f"account:{account.pk}"


def _key() -> bytes:
    settings = config.current()
    text = settings.vault_key.get_secret_value()
    if text:
        return crypto.parse_key(text, where="MENTING_VAULT_KEY")
    folder = Folder(settings.data)
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
