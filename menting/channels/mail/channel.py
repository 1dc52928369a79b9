"""Mail: sign accounts in at the servers that take and hold their mail."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from pydantic import ValidationError
from typing_extensions import override

from menting.base.pace import Rate
from menting.channels import base
from menting.channels.hook import Hook, HookAnswer
from menting.channels.mail import address, line, mailbox, onestep
from menting.channels.mail.columns import MailSecret
from menting.channels.mail.inbox import Inbox
from menting.channels.mail.outlet import Outlet
from menting.channels.mail.pool import Pool
from menting.channels.mail.session import CAPS, MailSession
from menting.channels.mail.signing import BadKeyError, Signer
from menting.channels.mail.trunk import Trunk


class Mail(base.Channel):
    """The mail channel of one process."""

    name = "mail"
    caps = CAPS
    secret_model = MailSecret
    handle_example = "shop@example.org"
    #: Providers count by the hour or day, each in its own way (`per_hour`); this one only
    #: keeps an account from pouring out hundreds in a second.
    rate = Rate.per(5, timedelta(seconds=1), burst=20)
    #: SMTP has no keys, and only some servers keep a copy of what was sent that could be
    #: looked for: an unknown outcome is an operator's to decide.
    keys = base.Keys()

    def __init__(self) -> None:
        self._pool = Pool()
        self._trunks: dict[str, Trunk] = defaultdict(Trunk)
        self._sessions: WeakSet[MailSession] = WeakSet()
        self._context: ssl.SSLContext | None = None

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> MailSession:
        secret = _checked(account)
        user = secret.user or account.handle
        password = secret.password.get_secret_value()
        signer = _signer(account.handle, secret)
        sender = address.envelope(account.handle)
        outlet = Outlet(
            line.Login(secret.smtp, self._tls, sender, user, password),
            self._trunks[secret.smtp_host.lower()],
        )
        login = mailbox.Login(secret.imap, self._tls, user, password)
        inbox = Inbox(login, self._pool, handle=account.handle)
        session = MailSession(account, inbox=inbox, outlet=outlet, signer=signer)
        try:
            await outlet.check()
            await inbox.sign_in()
        except BaseException:
            await session.close()
            raise
        self._sessions.add(session)
        return session

    @override
    async def aclose(self) -> None:
        await asyncio.gather(*(session.close() for session in list(self._sessions)))
        self._pool.close()
        self._trunks.clear()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(options["imap_host"])

    @override
    def bond(self, handle: str, options: Mapping[str, Any]) -> base.Bond | None:
        """Return the operator's own word on the provider's limit, which none publishes."""
        hour, domain = timedelta(hours=1), address.domain(handle)
        if count := int(options.get("domain_per_hour") or 0):
            name = f"mail {options['smtp_host']} {domain}"
            return base.Bond(name, rate=Rate.per(count, hour, burst=_burst(count)))
        if count := int(options.get("per_hour") or 0):
            return base.Bond(
                f"mail {handle}", rate=Rate.per(count, hour, burst=_burst(count))
            )
        return None

    @override
    def addressee(self, hook: Hook) -> str:
        return onestep.addressee(hook)

    @override
    def take_hook(self, hook: Hook, account: base.Account) -> HookAnswer:
        return onestep.take(hook, account)

    @property
    def _tls(self) -> ssl.SSLContext:
        """One context for all: each loads the system's certificates, 26 ms and 1 MB."""
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


def _burst(per_hour: int) -> int:
    """Return what may go at once: no more than a twentieth of the hour's."""
    return max(1, per_hour // 20)


def _checked(account: base.Account) -> MailSecret:
    if not address.is_address(account.handle):
        raise base.AuthFailed("the handle must be a mail address")
    try:
        return MailSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret


def _signer(handle: str, secret: MailSecret) -> Signer | None:
    key = secret.dkim_key.get_secret_value()
    if not key:
        return None
    domain = address.domain(address.envelope(handle))
    try:
        return Signer(secret.dkim_selector, key, domain=domain)
    except BadKeyError as error:
        raise base.AuthFailed(str(error)) from None
