"""Mails as they come from outside, for the tests of their reading."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formataddr

from menting.channels.base import Event
from menting.channels.mail import events
from menting.channels.mail.fetched import Raw

SHOP = "shop@shop.test"
ANN = "ann@people.test"
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def letter(text: str = "hello", *, to: str = SHOP, **headers: str) -> EmailMessage:
    """Return a letter of Ann's to the shop; `headers` with "_" for "-"."""
    mail = EmailMessage()
    mail["From"] = formataddr(("Ann Reader", ANN))
    mail["To"] = to
    mail["Message-ID"] = "<1@people.test>"
    for name, value in headers.items():
        del mail[name.replace("_", "-")]
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


def told(mail: EmailMessage | bytes) -> list[Event]:
    """Return what the shop is told of a mail."""
    content = mail if isinstance(mail, bytes) else mail.as_bytes()
    return events.of(Raw(1, AT, content), SHOP).events


def text(mail: EmailMessage | bytes) -> str:
    """Return the text of the one message that a mail is."""
    [event] = told(mail)
    return event.text
