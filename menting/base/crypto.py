"""Sealing, keyed hashes and hash chains, each over one key file of the data folder."""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
KEY_BYTES = 32


class CannotOpenError(Exception):
    """The sealed value was made with another key, for another row, or was changed."""


def key_file(path: Path, *, make: bool = True) -> bytes:
    """Return the 32-byte key in `path`, making it with mode 0600 if it is missing.

    Raises ValueError when the file holds anything but 64 hexadecimal digits, and
    FileNotFoundError when it is missing and `make` is false.
    """
    if make and not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_hex(KEY_BYTES) + "\n")
    return parse_key(path.read_text(), where=str(path))


def parse_key(text: str, *, where: str) -> bytes:
    """Return the key written as hexadecimal in `text`; `where` names it in the error."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{where} must hold a key of {KEY_BYTES * 2} hexadecimal digits")
    return key


def seal(key: bytes, plain: bytes, *, bound_to: str) -> bytes:
    """Encrypt with AES-256-GCM; the result opens only with the same `bound_to`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    """Decrypt what `seal` made. Raises CannotOpenError when key, row or bytes differ."""
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, body, bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotOpenError(f"cannot open the secret of {bound_to}") from error


def keyed_hash(key: bytes, text: str) -> bytes:
    """Return HMAC-SHA256: recognises an address again without holding it."""
    return hmac.digest(key, text.encode(), hashlib.sha256)


def derive(key: bytes, purpose: str) -> bytes:
    """Return a key of its own for `purpose`, so that no two uses share one."""
    return hmac.digest(key, b"menting:" + purpose.encode(), hashlib.sha256)


def link_hash(previous: bytes, entry: dict[str, Any]) -> bytes:
    """Return the hash of a chain's next entry, over the entry and the hash before it."""
    body = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + body.encode()).digest()
