"""What the mails of a mailbox say of people."""

import re
from email.message import EmailMessage
from typing import NamedTuple

import structlog

from menting.channels.base import Event, EventType, Peer, Profile
from menting.channels.mail import parse, report
from menting.channels.mail.address import BROKEN
from menting.channels.mail.fetched import Raw

log = structlog.get_logger(__name__)

#: RFC 2076, 3.9: written by lists and machines.
_MASS = frozenset({"bulk", "list", "junk", "auto_reply"})
_FORGED = re.compile(r"\bdmarc\s*=\s*fail\b", re.IGNORECASE)


class Told(NamedTuple):
    """What one mail tells: mostly one event or none, and the subject for an answer."""

    events: list[Event]
    subject: str = ""


def of(raw: Raw, handle: str) -> Told:
    """Return what a mail tells. Never raises for its form."""
    try:
        mail = parse.message(raw.content)
        return Told(_of(raw, mail, handle), parse.header(mail, "Subject"))
    except BROKEN as error:
        # Nothing that somebody sends may stop the reading of what follows it.
        log.warning("a mail has no readable form", error=type(error).__name__)
        return Told([])


def _of(raw: Raw, mail: EmailMessage, handle: str) -> list[Event]:
    leaver = report.holder_in(parse.header(mail, "Subject"), handle)
    if leaver is not None:
        return [_left(leaver, raw, mail)]
    if report.is_report(mail):
        return _of_report(raw, mail, handle)
    senders = parse.people(mail, "From")
    if not senders or senders[0][1] == handle.lower() or _is_by_machine(mail):
        return []
    return [_of_person(raw, mail, senders[0], handle)]


def _of_report(raw: Raw, mail: EmailMessage, handle: str) -> list[Event]:
    told: list[Event] = []
    for bounce in report.bounces(mail, handle):
        if bounce.is_dead:
            told.append(_left(bounce.recipient, raw, mail))
        told.append(
            Event(
                *(f"bounced:{bounce.mail_id}", EventType.BOUNCED),
                *_of_whom(bounce.recipient),
                raw.at,
                text=bounce.reason,
                about=bounce.mail_id,
            )
        )
    complainant = report.complainant(mail, handle)
    if complainant is not None:
        told.append(_left(complainant, raw, mail))
    return told


def _of_person(raw: Raw, mail: EmailMessage, sender: tuple[str, str], handle: str) -> Event:
    name, written = sender
    text = None if _is_forged(mail) else parse.written(mail)
    return Event(
        parse.mail_id(mail, raw.content),
        EventType.UNREADABLE if text is None else EventType.MESSAGE,
        Peer(written, "user"),
        Profile(written, name=name or None),
        raw.at,
        text=text or "",
        audience=_audience(mail, written, handle),
    )


def _left(who: str, raw: Raw, mail: EmailMessage) -> Event:
    mail_id = parse.mail_id(mail, raw.content)
    return Event(f"left:{mail_id}", EventType.LEFT, *_of_whom(who), raw.at)


def _of_whom(who: str) -> tuple[Peer, Profile]:
    return Peer(who, "user"), Profile(who)


def _is_by_machine(mail: EmailMessage) -> bool:
    """Say whether no person wrote it: an auto-reply (RFC 3834) or a list (RFC 2919)."""
    submitted = parse.header(mail, "Auto-Submitted").lower()
    return (
        (submitted != "" and not submitted.startswith("no"))
        or parse.header(mail, "Precedence").lower() in _MASS
        or any(parse.header(mail, name) for name in ("List-Id", "List-Post", "X-Autoreply"))
        or parse.header(mail, "Return-Path") == "<>"
    )


def _is_forged(mail: EmailMessage) -> bool:
    """Say whether the receiving server found the sender's address forged (RFC 8601).

    Its own header stands first. Such a mail is shown to nobody as that person's word: a
    forged "subscribe" would grant in their name.
    """
    return bool(_FORGED.search(parse.header(mail, "Authentication-Results")))


def _audience(mail: EmailMessage, sender: str, handle: str) -> int:
    """Return how many are addressed beside us; 1 is a letter to the account alone.

    Where we are not named (Bcc, a forward) nobody knows who else was.
    """
    named = {written for _, written in parse.people(mail, "To", "Cc")}
    others = named - {handle.lower(), sender}
    return 1 + len(others) + (handle.lower() not in named)
