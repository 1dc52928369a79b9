"""Somebody with a mailbox, who writes and reads by the standard library alone."""

import asyncio
import email
import email.policy
import imaplib
import itertools
import smtplib
from email.message import EmailMessage, Message
from email.utils import formataddr
from urllib.parse import unquote

from menting.cli.demo.mailhost import Mailhost

_numbers = itertools.count(1)


class Correspondent:
    """A person who shares no code with the channel."""

    def __init__(self, host: Mailhost, address: str, *, name: str = "") -> None:
        self._host, self.id = host, address
        self._name = name
        self._password = host.add(address)
        #: How often each mail of theirs is delivered.
        self.copies = 1

    async def rename(self, name: str) -> None:
        """Write by another name from now on."""
        self._name = name

    def letter(self, to: str, text: str, *, subject: str = "", **headers: str) -> Message:
        """Return a mail as a common program writes it; `headers` with "_" for "-"."""
        mail = EmailMessage()
        mail["From"] = formataddr((self._name, self.id))
        mail["To"] = to
        mail["Subject"] = subject
        mail["Message-ID"] = f"<{next(_numbers)}.letter@people.test>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        return mail

    async def post(self, mail: Message | bytes, to: str) -> None:
        """Hand a mail over, and wait until it is delivered."""
        content = mail if isinstance(mail, bytes) else mail.as_bytes()
        for _ in range(self.copies):
            await asyncio.to_thread(self._submit, content, to)
            await self._host.settled()

    async def write(self, to: str, text: str) -> None:
        """Write a letter."""
        await self.post(self.letter(to, text), to)

    async def mails(self) -> list[Message]:
        """Return all that lies in the mailbox, the oldest first."""
        await self._host.settled()
        raws = await asyncio.to_thread(self._fetch)
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in raws]

    async def mails_of(self, sender: str) -> list[Message]:
        """Return what that sender wrote."""
        return [mail for mail in await self.mails() if sender in str(mail["From"])]

    async def unsubscribe(self, mail: Message) -> None:
        """Write to the address that a mail names for this, as mail programs do."""
        links = str(mail["List-Unsubscribe"]).split(",")
        [target] = [link.strip(" <>") for link in links if "mailto:" in link]
        address, _, subject = target.removeprefix("mailto:").partition("?subject=")
        letter = self.letter(unquote(address), "", subject=unquote(subject))
        await self.post(letter, unquote(address))

    def _submit(self, content: bytes, to: str) -> None:
        with smtplib.SMTP("127.0.0.1", self._host.smtp_port) as server:
            server.login(self.id, self._password)
            server.sendmail(self.id, [to], content)

    def _fetch(self) -> list[bytes]:
        with imaplib.IMAP4("127.0.0.1", self._host.imap_port) as box:
            box.login(self.id, self._password)
            box.select("INBOX", readonly=True)
            _, found = box.search(None, "ALL")
            numbers = found[0].decode().replace(" ", ",")
            if not numbers:
                return []
            _, rows = box.fetch(numbers, "(BODY.PEEK[])")
            return [row[1] for row in rows if isinstance(row, tuple)]


def text_of(mail: Message) -> str:
    """Return the plain text of a mail, without the line end that every text has."""
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return "\n".join(str(body.get_content()).splitlines())
