"""Mail addresses as they stand in envelopes and headers."""

import re
from email.errors import MessageError

from menting.channels import base

#: Quoted local parts ("a b"@example.org) are left out: nobody has one, and they hide
#: header injections.
_ADDRESS = re.compile(
    r"[^\s\x00-\x20\x7f<>()\[\]\\,;:@\"]{1,64}@[^\s\x00-\x20\x7f<>@,;:/]+"
)
MOST_CHARS = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets

#: What the standard library raises from headers and bodies that keep no rule at all.
BROKEN = (
    *(ValueError, LookupError, AttributeError, TypeError),
    *(RecursionError, AssertionError, MessageError),
)


def is_address(text: str) -> bool:
    """Say whether a text can stand in an envelope."""
    return len(text) <= MOST_CHARS and _ADDRESS.fullmatch(text) is not None


def person(text: str) -> str:
    """Return a person's address as their id.

    In lower case as a whole: large providers know no case in local parts, and a "stop"
    from Ann@ must end what ann@ agreed to.
    """
    return text.strip().lower()


def domain(address: str) -> str:
    """Return the part after the last @."""
    return address.rpartition("@")[2].lower()


def envelope(address: str) -> str:
    """Return an address with its domain in ASCII (RFC 5890), as envelopes want it.

    Raises Refused when it is none.
    """
    if not is_address(address):
        raise base.Refused("this is no mail address")
    local, _, host = address.rpartition("@")
    try:
        return f"{local}@{host if host.isascii() else host.encode('idna').decode()}"
    except UnicodeError as error:
        raise base.Refused("the address has no valid domain") from error
