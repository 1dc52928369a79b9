"""Where a domain's server listens: its SRV records, asked for once for all its accounts."""

import asyncio
from typing import Any, NamedTuple

from slixmpp.xmlstream.resolver import default_resolver, resolve

from menting.channels import base

PORT = 5222
#: TLS from the first byte (XEP-0368); on other ports STARTTLS.
DIRECT_TLS_PORTS = frozenset({443, 5223})
SERVICES = ["xmpps-client", "xmpp-client"]
#: A thousand accounts of one server sign in with one question.
KEPT_SECONDS = 300.0
#: A domain with more records than these is not worth the wait.
MOST_ADDRESSES = 4


class Address(NamedTuple):
    """Where a server listens, and how."""

    host: str
    port: int
    is_direct_tls: bool = False
    is_plain: bool = False


class Lookup:
    """The answers of the last minutes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, list[Address]]] = {}

    async def find(self, domain: str, resolver: Any = None) -> list[Address]:
        """Return a server's addresses, the preferred first; `resolver`: else the system's.

        Raises Unreachable when there are none.
        """
        now = asyncio.get_running_loop().time()
        until, found = self._known.get(domain, (0.0, []))
        if now >= until:
            found = await _ask(domain, resolver)
            self._known[domain] = (now + KEPT_SECONDS, found)
        return found


async def _ask(domain: str, resolver: Any) -> list[Address]:
    loop = asyncio.get_running_loop()
    asked: Any = resolver or default_resolver(loop)
    try:
        # Whatever fails within is an empty answer.
        found = await resolve(domain, PORT, loop=loop, services=SERVICES, resolver=asked)
    finally:
        await asked.close()  # it holds sockets
    if not found:
        raise base.Unreachable("the domain has no address")
    return [
        Address(address, port, is_direct_tls=service == "xmpps-client")
        for service, _, address, port in found[:MOST_ADDRESSES]
    ]
