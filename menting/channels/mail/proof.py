"""Proofs of our own making: that a bounce or a click is about a mail which we sent."""

import base64
import hashlib
import hmac
import re
from functools import cache
from pathlib import Path

from menting.base import config, crypto
from menting.base.folder import Folder
from menting.channels.mail import address

#: May stand in a Message-ID as it is; any other key is hashed.
_PLAIN_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_OURS = re.compile(r"<([A-Za-z0-9-]{1,64})\.([0-9a-f]{20})@[^<>\s]+>")
TAG_BYTES = 10


def message_id(handle: str, key: str, recipient: str) -> str:
    """Return the Message-ID of the mail with that key: the same at every try.

    Its tag binds it to the recipient, so that one person cannot forge the bounce of
    another's mail.
    """
    plain = _PLAIN_KEY.fullmatch(key)
    local = key if plain else hashlib.sha256(key.encode()).hexdigest()
    host = address.domain(address.envelope(handle))
    return f"<{local}.{_tag(handle, local, address.person(recipient))}@{host}>"


def is_ours(handle: str, mail_id: str, recipient: str) -> bool:
    """Say whether the account sent a mail of that Message-ID to that person."""
    found = _OURS.fullmatch(mail_id.strip())
    if found is None:
        return False
    local, tag = found.groups()
    return hmac.compare_digest(tag, _tag(handle, local, address.person(recipient)))


def token(handle: str, recipient: str) -> str:
    """Return what ends a person's agreement with an account: their address, sealed."""
    sealed = crypto.seal(_key(), recipient.encode(), bound_to=_bound_to(handle))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def holder(handle: str, given: str) -> str:
    """Return whose token it is. Raises crypto.CannotOpenError when it is not ours."""
    try:
        sealed = base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True)
    except ValueError as error:
        raise crypto.CannotOpenError("this is no token of ours") from error
    return crypto.unseal(_key(), sealed, bound_to=_bound_to(handle)).decode()


def _tag(handle: str, local: str, recipient: str) -> str:
    told = f"{handle}\n{local}\n{recipient}"
    return crypto.keyed_hash(_key(), told)[:TAG_BYTES].hex()


def _bound_to(handle: str) -> str:
    return f"unsubscribe from {handle}"


def _key() -> bytes:
    return _key_of(config.current().data)


@cache
def _key_of(root: Path) -> bytes:
    return crypto.derive(Folder(root).key("house"), "mail")
