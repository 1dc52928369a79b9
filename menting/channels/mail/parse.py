"""Read a mail of any form, also of none: what cannot be read is left out."""

import email
import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import getaddresses
from itertools import islice

from typing_extensions import override

from menting.channels.mail import quote
from menting.channels.mail.address import BROKEN, is_address, person

#: A superset of what Chinese programs mean by these.
_CHARSETS = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030"}
#: Tried when a mail names no charset or a wrong one.
_GUESSES = ("utf-8", "gb18030")
_MAIL_ID = re.compile(r"<[^<>\s]{1,240}@[^<>\s]{1,240}>")
MOST_ADDRESSES = 50
MOST_HEADER = 4_000
#: Headers of one name, and parts, that are looked at.
MOST_SAME, MOST_PARTS = 10, 200


class _Bounded(EmailPolicy):
    """The usual policy, with headers cut where their parsing would take seconds.

    The standard library's parser takes the square of a header's length: 25 s and more
    for 250 kB of quotes, sent by anybody.
    """

    @override
    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MOST_HEADER]


_POLICY = _Bounded()


def message(raw: bytes) -> EmailMessage:
    """Return a mail as the standard library reads it."""
    return email.message_from_bytes(
        raw,
        EmailMessage,
        policy=_POLICY,  # type: ignore[arg-type]  # a generic class for types alone
    )


def header(mail: EmailMessage, name: str) -> str:
    """Return a header's decoded text in one line; raw when it has no form; "" if none."""
    try:
        found = str(mail.get(name, ""))
    except BROKEN:
        found = next(_raw(mail, name), "")
    return " ".join(found.encode("utf-8", "replace").decode().split())


def people(mail: EmailMessage, *names: str) -> list[tuple[str, str]]:
    """Return the addresses in these headers, each with its display name."""
    found = [pair for name in names for pair in _mailboxes(mail, name)]
    return [
        (" ".join(shown.split()), person(written))
        for shown, written in found[:MOST_ADDRESSES]
        if is_address(written)
    ]


def mail_id(mail: EmailMessage, raw: bytes) -> str:
    """Return the Message-ID; of a mail without one, a hash that is the same each time."""
    found = _MAIL_ID.search(header(mail, "Message-ID"))
    return found[0] if found else f"sha256:{hashlib.sha256(raw).hexdigest()[:40]}"


def written(mail: EmailMessage) -> str | None:
    """Return what the sender wrote anew, or None when there is no text to read.

    A mail without a word in its body says what its subject says.
    """
    try:
        text = _text(mail)
    except BROKEN:
        return None
    if text is None:
        return None
    return quote.new_part(text) or header(mail, "Subject")


def texts(part: EmailMessage) -> str:
    """Return a part's text in whatever charset it is."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    named = (part.get_content_charset() or "").lower()
    for charset in (_CHARSETS.get(named, named), *_GUESSES):
        try:
            return content.decode(charset)
        except (LookupError, ValueError):
            continue  # unknown, or not the one
    return content.decode("utf-8", "replace")


def parts(mail: EmailMessage) -> Iterator[EmailMessage]:
    """Return a mail's parts with itself first."""
    for part in islice(mail.walk(), MOST_PARTS):
        if isinstance(part, EmailMessage):
            yield part


def _text(mail: EmailMessage) -> str | None:
    if mail.get_content_type() in ("multipart/encrypted", "application/pkcs7-mime"):
        return None
    found = [
        part
        for part in parts(mail)
        if part.get_content_type() in ("text/plain", "text/html")
        and part.get_content_disposition() != "attachment"
    ]
    for part in found:
        if part.get_content_type() == "text/plain" and texts(part).strip():
            return texts(part)
    for part in found:
        if part.get_content_type() == "text/html":
            return quote.of_html(texts(part))
    return "" if found else None


def _mailboxes(mail: EmailMessage, name: str) -> list[tuple[str, str]]:
    raw = list(islice(_raw(mail, name), MOST_SAME))
    try:
        parsed = [_POLICY.header_factory(name, value) for value in raw]
        return [
            (one.display_name, one.addr_spec) for value in parsed for one in value.addresses
        ]
    except BROKEN:
        return _loosely(raw)


def _raw(mail: EmailMessage, name: str) -> Iterator[str]:
    for key, value in mail.raw_items():
        if key.lower() == name.lower():
            yield str(value)


def _loosely(raw: list[str]) -> list[tuple[str, str]]:
    try:
        return getaddresses(raw)
    except BROKEN:
        return []
