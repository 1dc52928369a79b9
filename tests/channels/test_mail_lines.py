"""The connections over which mails go out, and what they prove when they break."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from menting.channels import base
from menting.channels.base import Account, Outgoing, Peer
from menting.channels.mail import outlet, trunk
from menting.cli.demo.mailhost import Mailhost
from tests.contract.mail import MailHuman, MailRig, mail_rig
from tests.contract.rig import Vault
from tests.servers.correspondent import text_of

pytestmark = pytest.mark.mailhost


@pytest.fixture
async def rig(mailhost: Mailhost) -> AsyncIterator[MailRig]:
    """Give both servers behind proxies."""
    async with mail_rig(mailhost) as made:
        yield made


class _Counted:
    """Counts the greetings of Postfix: one for each connection."""

    def __init__(self, rig: MailRig) -> None:
        self.connections = 0
        rig.smtp.always(self._count)

    def _count(self, said: bytes) -> bytes:
        self.connections += said.startswith(b"220 ")
        return said


async def _to(rig: MailRig) -> tuple[base.Session, MailHuman, Account]:
    account, human = await rig.account(), await rig.human()
    return await rig.channel.open(account, Vault().keep), human, account


async def test_one_connection_carries_many_mails_also_after_a_refusal(rig: MailRig) -> None:
    counted = _Counted(rig)
    session, human, account = await _to(rig)
    for number in range(5):
        await session.send(Peer(human.id), Outgoing(f"c-{number}", f"mail {number}"))
        with pytest.raises(base.Refused):
            await session.send(Peer(rig.nowhere), Outgoing(f"d-{number}", "hi"))
    assert counted.connections == 2  # one was that of the sign-in
    arrived = [text_of(mail) for mail in await human.mails_of(account.handle)]
    assert sorted(arrived) == [f"mail {number}" for number in range(5)]
    await session.close()


async def test_a_connection_that_the_server_closed_is_made_anew(rig: MailRig) -> None:
    counted = _Counted(rig)
    session, human, account = await _to(rig)
    await session.send(Peer(human.id), Outgoing("e-1", "first"))
    rig.smtp.cut_all()
    await asyncio.sleep(0.05)
    await session.send(Peer(human.id), Outgoing("e-2", "anew"))
    assert counted.connections == 3
    assert len(await human.mails_of(account.handle)) == 2
    await session.close()


async def test_an_idle_connection_is_closed(
    rig: MailRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "IDLE_SECONDS", 0.05)
    counted = _Counted(rig)
    session, human, _ = await _to(rig)
    for number in range(2):
        await session.send(Peer(human.id), Outgoing(f"f-{number}", "hi"))
        await asyncio.sleep(0.2)
    assert counted.connections == 3
    await session.close()


async def test_connections_side_by_side_are_bounded(
    rig: MailRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "MOST_CONNECTIONS", 3)
    counted = _Counted(rig)
    session, human, account = await _to(rig)
    async with asyncio.TaskGroup() as group:
        for number in range(12):
            sending = session.send(Peer(human.id), Outgoing(f"g-{number}", "hi"))
            group.create_task(sending)
    assert counted.connections == 4
    assert len(await human.mails_of(account.handle)) == 12
    await session.close()


async def test_idle_accounts_make_room_for_those_that_send(
    rig: MailRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk, "MOST_LINES", 2)
    human = await rig.human()
    sessions = [await rig.channel.open(await rig.account(), Vault().keep) for _ in range(5)]
    for turn in range(2):
        for number, session in enumerate(sessions):
            await session.send(Peer(human.id), Outgoing(f"j-{turn}-{number}", "hi"))
    assert len(await human.mails()) == 10
    for session in sessions:
        await session.close()


@pytest.mark.parametrize("marker", [b"MAIL FROM", b"RCPT TO", b"DATA\r\n"])
async def test_a_break_before_the_mail_itself_proves_it_was_not_sent(
    rig: MailRig, marker: bytes
) -> None:
    session, human, account = await _to(rig)
    rig.smtp.cut(marker)
    with pytest.raises(base.Unreachable):
        await session.send(Peer(human.id), Outgoing("h-1", "hi"))
    assert await human.mails_of(account.handle) == []
    await session.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"451 4.7.1 rate limit, wait 20 seconds\r\n", base.Throttled),
        (b"554 5.7.1 no\r\n", base.Refused),
        (b"what?\r\n", base.Uncertain),
        (b"354 go on\r\n", base.Uncertain),
    ],
)
async def test_the_answer_to_the_final_dot_decides(
    rig: MailRig, said: bytes, error: type[base.ChannelError]
) -> None:
    session, human, _ = await _to(rig)
    rig.smtp.always(lambda was: said if b"queued as" in was else was)
    with pytest.raises(error):
        await session.send(Peer(human.id), Outgoing("i-1", "hi"))
    await session.close()
