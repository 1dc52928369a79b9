"""Identifiers: random codes for links, and stable keys that survive a retry."""

import secrets
import uuid

#: Letters and digits that cannot be taken for one another when read aloud or typed.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"

_KEYS = uuid.UUID("6d0f6b5e-6f0c-5a52-9b0c-3b1f0d8f9a10")


def code(length: int = 10) -> str:
    """Return a random code of `length` easily read characters (4.95 bits each)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def stable_key(kind: str, row: int | str) -> str:
    """Return the same key for the same row for ever, so that a retry is recognised."""
    return str(uuid.uuid5(_KEYS, f"{kind}:{row}"))


def random63() -> int:
    """Return a random positive 63-bit integer, which every SQL engine can hold."""
    return secrets.randbits(63) or 1
