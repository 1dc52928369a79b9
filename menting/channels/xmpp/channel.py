"""XMPP: client sessions over one SSL context, components shared by their addresses."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from typing_extensions import override

from menting.base.pace import Rate
from menting.channels import base
from menting.channels.xmpp import archive, client, reading
from menting.channels.xmpp.address import AddressSession
from menting.channels.xmpp.component import Component
from menting.channels.xmpp.lookup import DIRECT_TLS_PORTS, Address, Lookup
from menting.channels.xmpp.options import XmppSecret
from menting.channels.xmpp.post import Ids
from menting.channels.xmpp.session import ClientSession

_Key = tuple[str, str]


class Xmpp(base.Channel):
    """The XMPP channel of one process."""

    name = "xmpp"
    caps = base.Cap.PROFILE | base.Cap.TEXT | base.Cap.WALL | base.Cap.FOLLOW
    secret_model = XmppSecret
    handle_example = "shop@example.org"
    #: The protocol has none; ejabberd's default shaper lets 3,000 bytes a second through.
    rate = Rate.per(1, timedelta(seconds=1), burst=10)
    #: By looking into the archive; without one, an unknown outcome stays unknown.
    keys = base.Keys(answers=archive.KEPT, messages=archive.KEPT, posts=archive.KEPT)

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        # Its errors quote what people wrote.
        logging.getLogger("slixmpp").setLevel(logging.CRITICAL + 1)
        self._trust = trust
        self._lookup = Lookup()
        #: By connection and domain; a future while it is being made.
        self._components: dict[_Key, asyncio.Task[Component]] = {}

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> base.Session:
        secret = _checked(account)
        if secret.component:
            return await self._attach(account, secret)
        return await self._sign_in(account, secret)

    @override
    async def aclose(self) -> None:
        made = list(self._components.values())
        self._components.clear()
        for component in await asyncio.gather(*made, return_exceptions=True):
            if isinstance(component, Component):
                await component.close()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(
            options.get("component") or options.get("host") or handle.partition("@")[2]
        )

    @override
    def bond(self, handle: str, options: Mapping[str, Any]) -> base.Bond | None:
        if not options.get("component"):
            return None
        domain = handle.partition("@")[2]
        return base.Bond(f"{options['component']} {domain}", one_holder=True)

    async def _sign_in(self, account: base.Account, secret: XmppSecret) -> ClientSession:
        password = secret.password.get_secret_value()
        ids = Ids(account.handle, password)
        session = ClientSession(account, ids=ids, accepts=secret.accept_subscriptions)
        signed_in = await client.sign_in(
            account,
            password=password,
            addresses=await self._addresses(account.handle, secret),
            trust=self._trust or client.trusted(),
            owner=session,
        )
        try:
            await session.begin(signed_in, wants_wall=secret.microblog)
        except BaseException:
            signed_in.drop()
            raise
        return session

    async def _addresses(self, handle: str, secret: XmppSecret) -> list[Address]:
        if not secret.host:
            return await self._lookup.find(handle.partition("@")[2])
        is_direct = secret.tls and secret.port in DIRECT_TLS_PORTS
        return [Address(secret.host, secret.port, is_direct, is_plain=not secret.tls)]

    async def _attach(self, account: base.Account, secret: XmppSecret) -> AddressSession:
        domain = account.handle.partition("@")[2]
        shared = secret.component_secret.get_secret_value()
        component = await self._component((secret.component, domain), shared)

        async def _let_go(session: AddressSession) -> None:
            if component.detach(session.handle, session):
                await self._close((secret.component, domain), component)

        session = AddressSession(
            account, component, accepts=secret.accept_subscriptions, let_go=_let_go
        )
        component.attach(account, session, secret=shared)
        return session

    async def _component(self, key: _Key, secret: str) -> Component:
        """Return the domain's connection; the first who comes makes it, others wait."""
        making = self._components.get(key)
        if making is None or _is_over(making):
            making = asyncio.create_task(_connect(key, secret), name="xmpp connect")
            self._components[key] = making
        # Who gives up waiting does not end it for the others.
        return await asyncio.shield(making)

    async def _close(self, key: _Key, component: Component) -> None:
        making = self._components.get(key)
        if making is not None and making.done() and making.result() is component:
            del self._components[key]
        await component.close()


async def _connect(key: _Key, secret: str) -> Component:
    address, domain = key
    host, _, port = address.rpartition(":")
    component = Component(domain, secret)
    await component.connect(host.strip("[]"), int(port))
    return component


def _is_over(making: asyncio.Task[Component]) -> bool:
    if not making.done():
        return False
    is_made = not making.cancelled() and making.exception() is None
    return not is_made or bool(making.result().wire.lost)


def _checked(account: base.Account) -> XmppSecret:
    if not account.handle or reading.bare(account.handle) != account.handle:
        raise base.AuthFailed("the handle must be an address in lower case, name@server")
    try:
        return XmppSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret
