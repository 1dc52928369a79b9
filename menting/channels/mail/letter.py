"""Make the bytes of a mail from a frame of headers that is the same for all."""

import re
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr
from functools import lru_cache
from urllib.parse import quote

from menting.base import config
from menting.channels.base import Outgoing
from menting.channels.mail import address, body, proof

MOST_SUBJECT = 100
#: 60 signs of base64: with what stands around them and a header's name, below the 76 of
#: RFC 2047.
MOST_WORD_BYTES = 39
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_MAIL_ID = re.compile(r"<[^<>\s]{1,240}@[^<>\s]{1,240}>")
_REPLY = re.compile(r"(re|aw|antw|sv|回复|答复|回覆|答覆)\s*[:：]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to send: its Message-ID and its bytes, with CRLF and without dot-stuffing."""

    id: str
    content: bytes


class Frame:
    """The headers that are the same in every mail of an account."""

    def __init__(self, handle: str, name: str) -> None:
        self._handle = handle
        sender = _mailbox(_one_line(name), address.envelope(handle))
        self._head = f"From: {sender}\r\nMIME-Version: 1.0\r\n".encode()

    def letter(
        self, recipient: str, message: Outgoing, *, subject: str, at: datetime
    ) -> Letter:
        """Fill the frame; `subject` is that of the mail answered, empty if unknown.

        Whatever answers nothing carries the headers of RFC 8058, by which one click ends
        what the person agreed to.
        """
        mail_id = proof.message_id(self._handle, message.key, recipient)
        lines = [
            f"To: {address.envelope(recipient)}",
            _subject(_title(message, subject)),
            f"Date: {format_datetime(at)}",
            f"Message-ID: {mail_id}",
            *self._relation(recipient, message),
        ]
        head = "\r\n".join(lines).encode()
        return Letter(mail_id, self._head + head + b"\r\n" + body.of(message))

    def _relation(self, recipient: str, message: Outgoing) -> list[str]:
        if message.answers is None:
            # RFC 3834: nobody's vacation note answers it.
            generated = "Auto-Submitted: auto-generated"
            return [*unsubscribing(self._handle, recipient), generated]
        answered = message.answers.id
        if not _MAIL_ID.fullmatch(answered):
            return []  # a mail without an id of its own
        return [f"In-Reply-To: {answered}", f"References: {answered}"]


def unsubscribing(handle: str, recipient: str) -> list[str]:
    """Return the header lines of RFC 2369 and, where it is reached by https, RFC 8058."""
    settings, token = config.current(), proof.token(handle, recipient)
    link = f"{settings.public_url}/hooks/mail/{quote(handle)}/unsubscribe/{token}"
    mail = f"mailto:{quote(address.envelope(handle))}?subject=unsubscribe%20{token}"
    lines = [f"List-Unsubscribe: <{link}>,\r\n <{mail}>"]
    if settings.is_https:
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return lines


def on_the_wire(content: bytes) -> bytes:
    """Return a mail with its dots stuffed (RFC 5321, 4.5.2); it begins with a header."""
    return content.replace(b"\r\n.", b"\r\n..")


def _title(message: Outgoing, answered: str) -> str:
    if message.answers is not None and answered:
        return answered if _REPLY.match(answered) else f"Re: {answered}"
    first = next(filter(None, map(_one_line, message.text.splitlines())), "")
    return first if len(first) <= MOST_SUBJECT else f"{first[: MOST_SUBJECT - 1]}…"


@lru_cache(maxsize=256)
def _subject(title: str) -> str:
    text = _one_line(title)
    if text.isascii() and len(text) <= 66 and "=?" not in text:
        return f"Subject: {text}"
    return f"Subject: {_words(text)}"


def _mailbox(name: str, mail: str) -> str:
    if not name:
        return mail
    if name.isascii():
        return formataddr((name, mail))
    return f"{_words(name)}\r\n <{mail}>"


def _words(text: str) -> str:
    """Return a text as encoded words (RFC 2047), a line each.

    The standard library's Header takes 36 us for a subject, this takes 3.
    """
    coded, part = [], b""
    for sign in text:
        raw = sign.encode("utf-8", "replace")
        if len(part) + len(raw) > MOST_WORD_BYTES:
            coded.append(part)
            part = b""
        part += raw
    words = (b2a_base64(one, newline=False).decode() for one in [*coded, part])
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()
