"""Give one account a new secret, in place of the one its platform no longer takes."""

from collections.abc import Mapping

from django.db import transaction

from menting.accounts import bell, lines, signin, vault
from menting.accounts.models import Account
from menting.accounts.signin import UnknownAccountError
from menting.accounts.template import Column, columns
from menting.base import crypto
from menting.users import audit, guard
from menting.users.guard import Actor


def asked(account: Account) -> list[Column]:
    """Return the secrets that the account's channel has; none of them is ever shown."""
    return [column for column in columns(account.channel) if column.is_secret]


@transaction.atomic
def give(actor: Actor, account_id: int, said: Mapping[str, str]) -> Account:
    """Seal what was said in place of those secrets, and let the account try again at once.

    A secret that was not said stays. Raises lines.BadLineError when the channel cannot use
    them, UnknownAccountError, guard.NotAllowedError and vault.KeyMissingError.
    """
    guard.check(actor, "accounts.import")
    rows = Account.objects.select_for_update().filter(pk=account_id, removed_at=None)
    account = rows.first()
    if account is None:
        raise UnknownAccountError(f"there is no account {account_id}")
    parts = _parts(account)
    new = {name: text for name, text in said.items() if text}
    given = lines.checked(account.channel, {**account.options, **parts["given"], **new})
    kept = {name: text for name, text in parts["kept"].items() if name not in new}
    account.sealed = vault.seal(account, given, kept=kept)
    account.save(update_fields=["sealed"])
    signin.retry_now(rows)
    audit.record(actor, "account.secret", target=f"account:{account_id}")
    bell.ring()
    return account


def _parts(account: Account) -> dict[str, dict[str, str]]:
    try:
        return vault.opened(account)
    except crypto.CannotOpenError:
        return {"given": {}, "kept": {}}  # sealed with a lost key: all of it is given anew
