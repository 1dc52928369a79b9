"""One account alone: added, or given another name, option or secret."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from menting.accounts import lines, roster, vault
from menting.accounts.lines import Line
from menting.accounts.models import Account
from menting.accounts.roster import Roster
from menting.accounts.sheet import Row
from menting.accounts.signin import UnknownAccountError
from menting.base import crypto
from menting.users import guard
from menting.users.guard import Actor

#: By these the account is known: another one is another account.
FIXED = frozenset({"channel", "handle"})


class AlreadyThereError(Exception):
    """The house has this account already."""


@transaction.atomic
def add(actor: Actor, cells: Mapping[str, Any]) -> int:
    """Add one account, told as a line of a roster, and return its id.

    Raises lines.BadLineError, AlreadyThereError, vault.KeyMissingError and
    guard.NotAllowedError.
    """
    guard.check(actor, "accounts.import")
    line = lines.of(Row(1, _given(cells)))
    there = Account.objects.filter(channel=line.channel, handle=line.handle)
    if there.filter(removed_at=None).exists():
        raise AlreadyThereError(gettext("this account is there already: change that one"))
    roster.store(actor, Roster([line], []))
    return there.get().pk


@transaction.atomic
def change(actor: Actor, account_id: int, cells: Mapping[str, Any]) -> None:
    """Change the columns that are given, and no other; a new secret is tried at once.

    Raises UnknownAccountError, lines.BadLineError, vault.KeyMissingError and
    guard.NotAllowedError.
    """
    guard.check(actor, "accounts.import")
    account = Account.objects.filter(pk=account_id, removed_at=None).first()
    if account is None:
        told = gettext("there is no account %(ids)s") % {"ids": account_id}
        raise UnknownAccountError(told)
    fixed = sorted(FIXED & set(cells))
    if fixed:
        told = gettext("%(columns)s cannot be changed: add another account instead")
        raise lines.BadLineError(told % {"columns": ", ".join(fixed)})
    roster.store(actor, Roster([_changed(account, cells)], []))


def _changed(account: Account, cells: Mapping[str, Any]) -> Line:
    kept = {"channel": account.channel, "handle": account.handle, "name": account.name}
    try:
        secret = vault.opened(account)["given"]
    except crypto.CannotOpenError:
        secret = {}  # sealed with a lost key: what is given now must be all of it
    return lines.of(Row(1, {**kept, **account.options, **secret, **_given(cells)}))


def _given(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is empty, as in a roster: it stands for what is there, or is not."""
    return {name: said for name, said in cells.items() if said not in (None, "")}
