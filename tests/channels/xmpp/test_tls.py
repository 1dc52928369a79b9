"""TLS as XMPP uses it, against a real Prosody."""

import asyncio
import dataclasses
import re
import ssl

import pytest

from menting.channels import base
from menting.channels.base import Outgoing
from menting.channels.xmpp.channel import Xmpp
from menting.cli.demo.prosody import Prosody
from menting.cli.demo.prosody_lua import Certificate
from tests.contract.rig import Vault, at, listening
from tests.contract.xmpp import XmppRig
from tests.servers import certificate

pytestmark = pytest.mark.prosody


def _with(account: base.Account, **options: object) -> base.Account:
    return dataclasses.replace(account, options={**account.options, **options})


async def test_an_account_signs_in_over_tls(
    rig: XmppRig, prosody: Prosody, authority: Certificate
) -> None:
    """STARTTLS, with the domain's name in the certificate and not the host's."""
    channel = Xmpp(certificate.trusting(authority.certificate))
    account = _with(await rig.account(), tls=True, port=prosody.ports.client)
    session = await channel.open(account, Vault().keep)
    human = await rig.human()
    async with listening(session) as heard:
        await human.greet(account, "hello")
        await heard.texts(1)
        await session.send(at(human.id), Outgoing("key-tls", "hello yourself"))
    assert await human.received("", account) == ["hello yourself"]


async def test_tls_from_the_first_byte_is_taken_on_its_port(
    rig: XmppRig, prosody: Prosody, authority: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "menting.channels.xmpp.channel.DIRECT_TLS_PORTS", {prosody.ports.tls}
    )
    channel = Xmpp(certificate.trusting(authority.certificate))
    account = _with(await rig.account(), tls=True, port=prosody.ports.tls)
    session = await channel.open(account, Vault().keep)
    assert session.profile.id == account.handle
    await session.close()


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(
    rig: XmppRig, prosody: Prosody
) -> None:
    account = _with(await rig.account(), tls=True, port=prosody.ports.client)
    with pytest.raises(base.Unreachable, match="certificate"):
        await rig.channel.open(account, Vault().keep)


async def test_a_certificate_counts_for_the_accounts_domain_alone(
    authority: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority)
    server = await asyncio.start_server(
        lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr("menting.channels.xmpp.channel.DIRECT_TLS_PORTS", {port})
    near = {"host": "127.0.0.1", "port": port}
    account = base.Account(1, "shop@example.org", "Shop", {"password": "p"}, near)
    async with server:
        with pytest.raises(base.Unreachable, match="certificate is not valid for"):
            await Xmpp(certificate.trusting(authority.certificate)).open(
                account, Vault().keep
            )


async def test_no_password_goes_to_a_server_that_hides_its_tls(
    rig: XmppRig, prosody: Prosody, authority: Certificate
) -> None:
    said: list[bytes] = []
    rig.proxy.always(lambda told: re.sub(rb"<starttls[^>]*/>", b"", told))

    def _note(told: bytes) -> bytes:
        said.append(told)
        return told

    rig.proxy.always_up(_note)
    channel = Xmpp(certificate.trusting(authority.certificate))
    account = _with(await rig.account(), tls=True)
    with pytest.raises(base.AuthFailed, match="safe"):
        await channel.open(account, Vault().keep)
    assert said
    assert b"<auth" not in b"".join(said)
