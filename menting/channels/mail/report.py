"""Read what mail servers report of our mails: bounces (RFC 3464), complaints (RFC 5965)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from menting.base import crypto
from menting.channels.mail import parse, proof, refusal
from menting.channels.mail.address import BROKEN, person

#: In a link's path, in a mailto, or in the subject that a mailto made.
_TOKEN = re.compile(r"\bunsubscribe(?:/|%20| )([A-Za-z0-9_-]{40,600})")
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
#: The address is dead for good. Others of 5.x.x are of the mail, a policy or the way.
_DEAD = re.compile(r"5\.(1\.\d{1,3}|2\.1)")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail of ours did not arrive."""

    recipient: str
    mail_id: str
    status: str

    @property
    def is_dead(self) -> bool:
        """Say whether the address itself takes no mail any more."""
        return _DEAD.fullmatch(self.status) is not None

    @property
    def reason(self) -> str:
        """Return why, in our words: the server's may hold the address."""
        return f"{refusal.words(self.status)} ({self.status})"


def is_report(mail: EmailMessage) -> bool:
    """Say whether a mail is a report of any kind (RFC 6522)."""
    return mail.get_content_type() == "multipart/report"


def bounces(mail: EmailMessage, handle: str) -> list[Bounce]:
    """Return the failures that a report tells of, each proven to be of a mail of ours.

    A report of a delay, or one whose returned headers and recipient do not belong
    together by our Message-ID, tells of none.
    """
    returned = _returned(mail)
    if returned is None:
        return []
    mail_id = parse.header(returned, "Message-ID")
    shown = [written for _, written in parse.people(returned, "To")]
    return [
        Bounce(recipient, mail_id, status)
        for status, named in _failures(mail)
        for recipient in dict.fromkeys([*named, *shown])
        if proof.is_ours(handle, mail_id, recipient)
    ][:1]


def complainant(mail: EmailMessage, handle: str) -> str | None:
    """Return who complained of a mail of ours; the report may have blacked them out."""
    kinds = {
        parse.header(fields, "Feedback-Type").lower()
        for fields in _fields(mail, "message/feedback-report")
    }
    returned = _returned(mail)
    if returned is None or not kinds & _COMPLAINTS:
        return None
    for _, recipient in parse.people(returned, "To"):
        if proof.is_ours(handle, parse.header(returned, "Message-ID"), recipient):
            return recipient
    return holder_in(parse.header(returned, "List-Unsubscribe"), handle)


def holder_in(text: str, handle: str) -> str | None:
    """Return whose token stands in a subject or a List-Unsubscribe header."""
    found = _TOKEN.search(text)
    if found is None:
        return None
    try:
        return proof.holder(handle, found[1])
    except crypto.CannotOpenError:
        return None


def _returned(mail: EmailMessage) -> EmailMessage | None:
    """Return the headers of the mail that a report is about."""
    for part in parse.parts(mail):
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], EmailMessage):
                return inner[0]
        if part.get_content_type() == "text/rfc822-headers":
            return parse.message(parse.texts(part).encode())
    return None


def _failures(mail: EmailMessage) -> Iterator[tuple[str, list[str]]]:
    for fields in _fields(mail, "message/delivery-status"):
        status = refusal.enhanced(parse.header(fields, "Status"))
        if parse.header(fields, "Action").lower() == "failed" and status.startswith("5"):
            named = ("Original-Recipient", "Final-Recipient")
            values = [parse.header(fields, name).partition(";")[2] for name in named]
            yield status, [person(value) for value in values if value]


def _fields(mail: EmailMessage, kind: str) -> list[EmailMessage]:
    """Return the groups of fields of a machine-readable part."""
    found: list[EmailMessage] = []
    for part in parse.parts(mail):
        if part.get_content_type() != kind:
            continue
        inner = part.get_payload()
        if isinstance(inner, list):
            found += [group for group in inner if isinstance(group, EmailMessage)]
        else:
            found += _groups(part)
    return found


def _groups(part: EmailMessage) -> list[EmailMessage]:
    try:
        text = parse.texts(part)
    except BROKEN:
        return []
    return [parse.message(group.encode()) for group in re.split(r"\r?\n\r?\n", text)]
