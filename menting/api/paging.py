"""Where a list goes on: signed, so that a cursor is good for its own list alone."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from django.http import HttpRequest

from menting.api.problem import Problem
from menting.base import config, crypto
from menting.base.folder import Folder

MAC_BYTES = 16
#: The list stays the same whatever page of it is asked for, of whatever length.
_NOT_THE_LIST = ("cursor", "limit")


def place(request: HttpRequest, cursor: str | None) -> str | None:
    """Return the place that a cursor of this list names. Raises Problem."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
        told = raw[MAC_BYTES:].decode()
    except ValueError as error:
        raise _bad() from error
    if not hmac.compare_digest(raw[:MAC_BYTES], _mac(request, told)):
        raise _bad()
    return told


def cursor(request: HttpRequest, told: str | int | None) -> str | None:
    """Return the cursor that leads to a place of this list; None at its end."""
    if told is None:
        return None
    raw = _mac(request, str(told)) + str(told).encode()
    return base64.urlsafe_b64encode(raw).decode()


def _mac(request: HttpRequest, told: str) -> bytes:
    key = crypto.derive(Folder(config.current().data).key("house"), "cursors")
    pairs = sorted(
        (name, value)
        for name, values in request.GET.lists()
        if name not in _NOT_THE_LIST
        for value in values
    )
    text = f"{request.path}?{urlencode(pairs)}\n{told}"
    return hmac.digest(key, text.encode(), hashlib.sha256)[:MAC_BYTES]


def _bad() -> Problem:
    return Problem("bad-cursor", "Ask again without a cursor.")
