"""Make a landing link of an account, by a short session of its own."""

from collections.abc import Mapping

from menting.accounts import state
from menting.accounts.models import Account
from menting.accounts.signin import UnknownAccountError
from menting.channels import base, registry
from menting.channels.base import Cap
from menting.users import audit, guard
from menting.users.guard import Actor
from menting.workers import bridge

#: The least that all platforms take (QQ: 32 characters; Telegram: A-Z a-z 0-9 _ -).
MOST_CHARS = 32


async def make(actor: Actor, account_id: int, code: str) -> str:
    """Return a link by which `code` comes back with whoever follows it.

    Raises a ChannelError (Unsupported where the platform has none), UnknownAccountError,
    guard.NotAllowedError, crypto.CannotOpenError and vault.KeyMissingError.
    """
    guard.check(actor, "accounts.invite")
    _check(code)
    name, account = await bridge.call(_account, account_id)
    channel = registry.CHANNELS[name]()
    if Cap.INVITE not in channel.caps:
        raise base.Unsupported(f"{name} has no landing links")
    try:
        link = await _link(channel, account, code)
    finally:
        await channel.aclose()
    detail = {"code": code}
    target = f"account:{account_id}"
    await bridge.call(audit.record, actor, "account.invite", target=target, detail=detail)
    return link


def _check(code: str) -> None:
    is_plain = code.isascii() and code.replace("_", "").replace("-", "").isalnum()
    if not (is_plain and len(code) <= MOST_CHARS):
        raise base.Refused(
            f"a code has 1 to {MOST_CHARS} of the characters A-Z a-z 0-9 _ -"
        )


def _account(account_id: int) -> tuple[str, base.Account]:
    row = Account.objects.filter(pk=account_id, removed_at=None).first()
    told = None if row is None else state.addressed(row.channel, row.handle)
    if row is None or told is None:
        raise UnknownAccountError(f"there is no account {account_id}")
    return row.channel, told


async def _link(channel: base.Channel, account: base.Account, code: str) -> str:
    async def _keep(secret: Mapping[str, str]) -> None:
        await bridge.call(state.keep_secret, account.id, secret)

    session = await channel.open(account, _keep)
    try:
        return await session.invite(code)
    finally:
        await session.close()
