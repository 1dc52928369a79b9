"""What a mail server's answer of 4xx or 5xx proves (RFC 5321, RFC 3463)."""

import re

from menting.channels import base

#: 421 closes, 450 and 451 ask to come later, 452 is short of room, 454 is busy.
_BUSY = frozenset({421, 450, 451, 452, 454})
_RATE_WORDS = re.compile(
    r"gr[ea]y.?list|rate|limit|too many|too fast|throttl|quota|exceed|slow down|frequen"
    r"|频率|过多|超过",
    re.IGNORECASE,
)
_GREYLISTED = re.compile(r"gr[ea]y.?list", re.IGNORECASE)
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_WAIT = re.compile(r"(\d{1,5}) ?(s|sec|m|min|h)", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
#: Waited after a server that names no time: most count by the minute.
DEFAULT_WAIT_SECONDS = 60.0
#: RFC 3463: congestion. Gmail says so with 550 when the day's mails are spent, of which
#: no recipient is to blame.
_USED_UP = "5.4.5"
QUOTA_SECONDS = 3600.0
#: By enhanced status; the server's own words may hold the address.
_MEANINGS = {
    "1.1": "there is no such mailbox",
    "1.2": "there is no such domain",
    "1.3": "the address is not valid",
    "1.6": "the mailbox has moved",
    "1.10": "the domain takes no mail",
    "2.1": "the mailbox is closed",
    "2.2": "the mailbox is full",
    "2.3": "the mail is too large",
    "3.4": "the mail is too large",
    "4.5": "the account's quota is used up",
    "4.1": "the domain's server does not answer",
    "7.1": "the server's policy refuses it",
}


def enhanced(text: str) -> str:
    """Return the enhanced status code (RFC 3463) that a text begins with, or ""."""
    found = _ENHANCED.match(text)
    return found[1] if found else ""


def words(status: str) -> str:
    """Return what an enhanced status means, in our words."""
    return _MEANINGS.get(status.partition(".")[2], "the mail server refused it")


def of(code: int, text: str) -> base.ChannelError:
    """Return what a complete answer other than 2xx and 3xx proves: nothing was sent."""
    status = enhanced(text)
    reason = f"{words(status)} ({code}{' ' + status if status else ''})"
    if code in (530, 534, 535):
        return base.AuthFailed(f"the mail server wants another sign-in ({code})")
    if status == _USED_UP:
        return base.Throttled(reason, retry_after=QUOTA_SECONDS)
    if code in _BUSY and (code == 421 or _RATE_WORDS.search(text)):
        is_grey = _GREYLISTED.search(text) is not None
        return base.Throttled(reason, retry_after=_seconds(text), of_peer=is_grey)
    if 400 <= code < 600:
        return base.Refused(reason, permanent=code >= 500)
    return base.Unreachable("the mail server does not speak SMTP")


def _seconds(text: str) -> float:
    found = _WAIT.search(text)
    if found is None:
        return DEFAULT_WAIT_SECONDS
    return float(int(found[1]) * _UNIT_SECONDS[found[2].lower()])
