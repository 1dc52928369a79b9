"""Signed words on a page: "the server has recorded this opening" and "this is who"."""

import base64
import binascii
import hashlib
import hmac

from menting.base import ids

#: Bytes of the HMAC-SHA256 that are kept; 80 bits cannot be guessed over a network.
TAG_BYTES = 10
_NUMBER_BYTES = 8
_TIME_BYTES = 6


def mint(key: bytes) -> tuple[int, str]:
    """Return a new visit number and its stamp, for a page about to be shown."""
    number = ids.random63()
    return number, _sign(key, b"stamp", number.to_bytes(_NUMBER_BYTES))


def read_stamp(key: bytes, stamp: str) -> int:
    """Return the visit number of a stamp that this server made, otherwise 0."""
    return int.from_bytes(_verify(key, b"stamp", stamp))


def sign_who(key: bytes, *, space_id: int, who: int, until: int) -> str:
    """Return a token that names a visitor to one space until `until` (milliseconds)."""
    body = who.to_bytes(_NUMBER_BYTES) + until.to_bytes(_TIME_BYTES)
    return _sign(key, _who_purpose(space_id), body)


def read_who(key: bytes, *, space_id: int, token: str, now: int) -> int:
    """Return the visitor's number, or 0 when the token is foreign, altered or over."""
    body = _verify(key, _who_purpose(space_id), token)
    if len(body) != _NUMBER_BYTES + _TIME_BYTES:
        return 0
    if int.from_bytes(body[_NUMBER_BYTES:]) <= now:
        return 0
    return int.from_bytes(body[:_NUMBER_BYTES])


def _who_purpose(space_id: int) -> bytes:
    return b"who:%d" % space_id


def _sign(key: bytes, purpose: bytes, body: bytes) -> str:
    return base64.urlsafe_b64encode(body + _tag(key, purpose, body)).rstrip(b"=").decode()


def _verify(key: bytes, purpose: bytes, token: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except (binascii.Error, UnicodeEncodeError):
        return b""
    body, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
    return body if hmac.compare_digest(tag, _tag(key, purpose, body)) else b""


def _tag(key: bytes, purpose: bytes, body: bytes) -> bytes:
    return hmac.digest(key, purpose + b"\0" + body, hashlib.sha256)[:TAG_BYTES]
