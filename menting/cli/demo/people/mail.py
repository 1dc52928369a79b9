"""People with mailboxes, by the standard library alone. Run as a script (see `acting`)."""

import asyncio
import contextlib
import email
import email.policy
import imaplib
import itertools
import smtplib
import sys
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from email.utils import formataddr, parseaddr
from typing import Any

from typing_extensions import override

from menting.cli.demo.people import acting
from menting.cli.demo.people.cast import Person

SECONDS = 60.0
#: `imaplib` cannot wait for news, so it asks.
LOOK_SECONDS = 0.5
#: Mailboxes keep times in whole seconds (RFC 9051): an answer within the second of the
#: question would seem to be older.
THINK_SECONDS = 1.0


class Mailbox:
    """One person's mail program; its calls wait, and are for threads."""

    def __init__(self, person: Person, *, smtp_port: int, imap_port: int) -> None:
        self._person, self._smtp_port = person, smtp_port
        self._imap = imaplib.IMAP4("127.0.0.1", imap_port, timeout=SECONDS)
        self._imap.login(person.user, person.password)
        self._imap.select("INBOX", readonly=True)
        self._next = 1
        self._numbers = itertools.count(1)
        #: The newest mail of the shop, which an answer quotes.
        self._newest: EmailMessage | None = None

    def write(self, text: str) -> None:
        """Send a letter: the first, or an answer above the quoted mail of the shop."""
        person = self._person
        letter = EmailMessage()
        letter["From"], letter["To"] = formataddr((person.name, person.user)), person.shop
        number = next(self._numbers)
        letter["Message-ID"] = f"<{number}.{person.user.replace('@', '.')}@people.test>"
        letter["Subject"] = text
        if (newest := self._newest) is not None:
            letter.replace_header("Subject", f"Re: {newest['Subject']}")
            letter["In-Reply-To"] = newest["Message-ID"]
            quoted = "\n".join(f"> {line}" for line in text_of(newest).splitlines())
            text = f"{text}\n\nOn Tuesday, {person.shop} wrote:\n{quoted}\n"
        letter.set_content(text)
        with smtplib.SMTP("127.0.0.1", self._smtp_port, timeout=SECONDS) as server:
            server.login(person.user, person.password)
            server.send_message(letter)

    def look(self) -> list[tuple[str, EmailMessage]]:
        """Return the mails that were not there before, each with its number there."""
        self._imap.noop()
        _, found = self._imap.uid("SEARCH", f"UID {self._next}:*")
        # A range to "*" always holds the last mail, also below its start (RFC 9051).
        numbers = [n for n in map(int, found[0].split()) if n >= self._next]
        if not numbers:
            return []
        self._next = max(numbers) + 1
        _, rows = self._imap.uid("FETCH", ",".join(map(str, numbers)), "(BODY.PEEK[])")
        mails = list(_mails(rows))
        self._newest = next(
            (mail for _, mail in reversed(mails) if sender_of(mail) == self._person.shop),
            self._newest,
        )
        return mails


class Mail(acting.Means):
    """Letters to the shops."""

    at_once = 8

    def __init__(self, told: dict[str, Any]) -> None:
        self._ports = {key: told[key] for key in ("smtp_port", "imap_port")}
        self._marker = told["marker"]
        self._boxes: dict[Person, Mailbox] = {}

    @override
    async def come(self, person: Person) -> None:
        box = await asyncio.to_thread(Mailbox, person, **self._ports)
        self._boxes[person] = box
        await asyncio.to_thread(box.write, person.greeting)

    @override
    async def say(self, person: Person, text: str) -> None:
        await asyncio.sleep(THINK_SECONDS)
        await asyncio.to_thread(self._boxes[person].write, text)

    @override
    async def listen(self, person: Person) -> None:
        while True:
            for known, mail in await asyncio.to_thread(self._boxes[person].look):
                is_marked = self._marker in text_of(mail)
                person.hear(known, sender=sender_of(mail), is_marked=is_marked)
            await asyncio.sleep(LOOK_SECONDS)

    @override
    async def wall_posts(self) -> int:
        return 0  # mail has no wall


def text_of(mail: EmailMessage) -> str:
    """Return a mail's plain text."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


def sender_of(mail: EmailMessage) -> str:
    """Return the address in a mail's From."""
    return parseaddr(str(mail["From"]))[1]


def _mails(rows: list[Any]) -> Iterator[tuple[str, EmailMessage]]:
    for row in rows:
        if isinstance(row, tuple):
            mail = email.message_from_bytes(
                row[1], EmailMessage, policy=email.policy.default
            )
            yield row[0].split()[0].decode(), mail


@contextlib.asynccontextmanager
async def mail(told: dict[str, Any], _people: list[Person]) -> AsyncIterator[Mail]:
    """Give everybody the means of mail; the connections end with the process."""
    yield Mail(told)


if __name__ == "__main__":
    sys.exit(asyncio.run(acting.main(mail)))
