"""A client's stream: connect, STARTTLS, sign in, be acknowledged."""

import functools
import ssl

from slixmpp.clientxmpp import ClientXMPP

from menting.channels import base
from menting.channels.xmpp import acks, scram
from menting.channels.xmpp.lookup import Address
from menting.channels.xmpp.stream import Attempt, Stream
from menting.channels.xmpp.wire import Owner, Wire


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
    failed = base.Unreachable("the server has no address")
    # Always the same device: a new stream takes the place of one that hangs.
    device = f"{account.handle}/menting"
    for address in addresses:
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
