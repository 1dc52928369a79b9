"""The mail channel's rig: a real Postfix and Dovecot behind a proxy each."""

import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from typing_extensions import override

from menting.channels.base import Account, Outgoing, Peer
from menting.channels.mail import line
from menting.channels.mail.channel import Mail
from menting.cli.demo.mailhost import Mailhost
from tests.contract.rig import Vault
from tests.servers.correspondent import Correspondent, text_of
from tests.servers.proxy import Held
from tests.servers.stream import Stream

_numbers = itertools.count(1)
FINAL_DOT = b"\r\n.\r\n"
#: None names a sender, so that none is somebody's word.
RUBBISH = (
    b"\r\n",
    b"no header at all\r\n",
    b"From: \xff\xfe <\r\nContent-Type: multipart/mixed\r\n\r\n--\xff\r\n",
    b"From: =?x?y?z?=\r\nMessage-ID: <\r\nContent-Type: text/\xe4; charset=\r\n\r\n\x00",
)


class MailHuman(Correspondent):
    """A correspondent, as the suite wants people."""

    def __init__(self, rig: "MailRig", address: str) -> None:
        super().__init__(rig.host, address, name="Ann Reader")
        self._rig = rig
        self._account: Account | None = None

    async def greet(self, account: Account, text: str) -> str:
        """Write a first letter; the conversation is with one's own address."""
        self._account = account
        await self.write(self.id, text)
        return self.id

    @override
    async def write(self, to: str, text: str) -> None:
        """Write another; `to` is the place, which is one's own address."""
        handle = self._other(to)
        if self._rig.spoils:
            for rubbish in RUBBISH:
                await self.post(rubbish, handle)
        await super().write(handle, text)

    async def write_unreadable(self, place: str) -> None:
        """Send what a program that encrypts sends (RFC 3156)."""
        handle = self._other(place)
        mail = self.letter(handle, "")
        assert isinstance(mail, EmailMessage)
        mail.set_content(b"Version: 1", "application", "pgp-encrypted")
        mail.make_mixed()
        mail.set_type("multipart/encrypted")
        await self.post(mail, handle)

    async def leave(self, place: str) -> None:
        """Use the address for it that stands in a mail of the account."""
        handle = self._other(place)
        await self._rig.write_as(handle, self.id)
        [*_, mail] = await self.mails_of(handle)
        await self.unsubscribe(mail)

    async def received(self, place: str, account: Account) -> list[str]:
        """Look into one's own mailbox."""
        assert place == self.id
        return [text_of(mail) for mail in await self.mails_of(account.handle)]

    def _other(self, place: str) -> str:
        assert place == self.id
        assert self._account is not None
        return self._account.handle


class MailRig:
    """Accounts sign in through proxies; people talk to the servers themselves."""

    able = frozenset(
        {"names", "history", "unseen", "retold", "renames", "leaves"}
        | {"unreadable", "twice"}
    )
    #: Dovecot starts a process for each.
    most = 20
    nowhere = "nobody@people.test"

    def __init__(self, host: Mailhost, smtp: Stream, imap: Stream) -> None:
        self.host, self.smtp, self.imap = host, smtp, imap
        self.channel = Mail()
        self.spoils = False
        self._copies = 1
        self._people: list[MailHuman] = []
        self._accounts: dict[str, Account] = {}

    async def account(self, name: str = "Shop") -> Account:
        """Make a mailbox with that name."""
        number = next(_numbers)
        handle = f"shop{number}@shop.test"
        columns = self.host.columns(self.host.add(handle))
        columns |= {"smtp_port": str(self.smtp.port), "imap_port": str(self.imap.port)}
        secret = {"password": columns.pop("password")}
        account = Account(number, handle, name, secret, columns)
        self._accounts[handle] = account
        return account

    async def human(self) -> MailHuman:
        """Make a person with a mailbox."""
        human = MailHuman(self, f"person{next(_numbers)}@people.test")
        human.copies = self._copies
        self._people.append(human)
        return human

    async def write_as(self, handle: str, to: str) -> None:
        """Let the account write something that answers nothing."""
        session = await self.channel.open(self._accounts[handle], Vault().keep)
        await session.send(Peer(to), Outgoing(f"news-{next(_numbers)}", "news"))
        await session.close()

    def wrong(self, account: Account) -> Account:
        """Return the account with a password that is not its own."""
        return dataclasses.replace(account, secret={"password": "wrong"})

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten the wait for an answer."""
        patch.setattr(line, "ANSWER_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before Postfix, once the mail has been begun."""
        return self.smtp.hold_request(b"RCPT TO:")

    def hold_answer(self) -> Held:
        """Stand behind Postfix, once it has the whole mail."""
        return self.smtp.hold_answer(FINAL_DOT)

    def cut_answer(self) -> None:
        """Break off in the middle of what Postfix says of the whole mail."""
        self.smtp.cut_answer(FINAL_DOT)

    def spoil_events(self) -> None:
        """Let rubbish come before every letter."""
        self.spoils = True

    def garble(self) -> None:
        """Let the mailbox say what is no IMAP."""
        self.imap.once(lambda _said: b"%% what? {7\r\n")

    def tell_twice(self) -> None:
        """Deliver every mail twice, as servers do that lost an answer (RFC 1047)."""
        self._copies = 2
        for human in self._people:
            human.copies = 2

    async def lose(self) -> None:
        """Stop listening."""
        await self.smtp.go_away()
        await self.imap.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.smtp.come_back()
        await self.imap.come_back()


@contextlib.asynccontextmanager
async def mail_rig(host: Mailhost) -> AsyncIterator[MailRig]:
    """Give a rig with proxies of its own."""
    smtp, imap = Stream(host.smtp_port), Stream(host.imap_port)
    async with smtp.running(), imap.running():
        rig = MailRig(host, smtp, imap)
        yield rig
        await rig.channel.aclose()
