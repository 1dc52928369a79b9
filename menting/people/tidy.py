"""Make what a platform says fit to be stored: any text, of any length, in any encoding."""

import hashlib

#: Longer texts are cut: a message is read by people, and 1 MB of it is not.
TEXT_CHARS = 20_000
ID_CHARS = 255


def text(value: str, *, limit: int = TEXT_CHARS) -> str:
    """Return `value` without NULs and lone surrogates, cut to `limit` characters.

    PostgreSQL refuses a NUL and every engine a lone surrogate, and then the whole batch.
    """
    cut = value[:limit].replace("\x00", "\ufffd")
    return cut.encode("utf-8", "replace").decode("utf-8")


def name(value: str | None) -> str:
    """Return a name in one line of at most 255 characters."""
    return " ".join(text(value or "", limit=ID_CHARS).split())


def identifier(value: str) -> str:
    """Return a platform's id; one too long keeps its start and a hash of all of it."""
    clean = text(value, limit=len(value))
    if clean == value and len(value) <= ID_CHARS:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return clean[: ID_CHARS - len(digest) - 1] + "#" + digest
