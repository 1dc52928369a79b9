"""A client's stream: find the server, connect, STARTTLS, sign in, be acknowledged."""

import asyncio
import functools
import ssl
from typing import NamedTuple

from slixmpp.clientxmpp import ClientXMPP
from slixmpp.xmlstream.resolver import default_resolver, resolve

from menting.channels import base
from menting.channels.http import short
from menting.channels.xmpp import acks, scram
from menting.channels.xmpp.stream import Attempt, Stream
from menting.channels.xmpp.wire import Owner, Wire

PORT = 5222
#: TLS from the first byte (XEP-0368); on other ports STARTTLS.
DIRECT_TLS_PORTS = frozenset({443, 5223})
#: A domain with more records than these is not worth the wait.
MOST_ADDRESSES = 4
SERVICES = ["xmpps-client", "xmpp-client"]


class Address(NamedTuple):
    """Where a server listens, and how."""

    host: str
    port: int
    is_direct_tls: bool = False
    is_plain: bool = False


class Client(Stream, ClientXMPP):
    """One account's stream."""

    def __init__(
        self, jid: str, password: str, *, trust: ssl.SSLContext, address: Address
    ) -> None:
        super().__init__(jid, password, ssl_context=trust)
        self.enable_direct_tls = address.is_direct_tls
        self.enable_starttls = not (address.is_direct_tls or address.is_plain)
        self.enable_plaintext = address.is_plain
        sasl = self.plugin["feature_mechanisms"]
        sasl.use_mechs = set(scram.MECHANISMS)
        # On this machine alone; a password in the clear goes nowhere but into TLS.
        sasl.unencrypted_scram = address.is_plain

    def forget(self) -> None:
        """Let go of what only the sign-in needed: the password, and 20 kB of features."""
        self.credentials.clear()
        self.plugin["feature_mechanisms"].mech = None
        self.plugin["feature_bind"].features = None


async def sign_in(
    account: base.Account,
    *,
    password: str,
    addresses: list[Address],
    trust: ssl.SSLContext,
    owner: Owner,
) -> Client:
    """Return a signed-in client. Raises AuthFailed or Unreachable."""
    failed: base.ChannelError = base.Unreachable("the server has no address")
    # Always the same device: a new stream takes the place of one that hangs.
    device = f"{account.handle}/menting"
    for address in addresses[:MOST_ADDRESSES]:
        client = Client(device, password, trust=trust, address=address)
        client.wire = Wire(client, owner)
        try:
            await Attempt(client).run(address.host, address.port)
        except base.Unreachable as error:
            failed = error
            continue
        client.forget()
        client.wire.acks.start()
        client.wire.say(acks.ENABLE)
        return client
    raise failed


@functools.cache
def trusted() -> ssl.SSLContext:
    """Return the system's certificates, read once: 26 ms and 850 kB a time."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def look_up(domain: str) -> list[Address]:
    """Return where a domain's server listens, by its SRV records. Raises Unreachable."""
    loop = asyncio.get_running_loop()
    try:
        found = await resolve(
            domain, PORT, loop=loop, services=SERVICES, resolver=default_resolver(loop)
        )
    except OSError as error:
        raise base.Unreachable(f"cannot look the server up: {short(error)}") from error
    return [
        Address(host, port, is_direct_tls=service == "xmpps-client")
        for service, _, host, port in found
    ]
