"""Sign mails with an account's DKIM key (RFC 6376)."""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: All that a reader is shown or a mail program acts upon; RFC 8058 wants the last two.
SIGNED = (
    *(b"from", b"to", b"subject", b"date", b"message-id", b"in-reply-to", b"references"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
    *(b"list-unsubscribe", b"list-unsubscribe-post"),
)
#: RFC 8301 wants 1,024 at least and advises 2,048.
LEAST_BITS = 1024


class BadKeyError(Exception):
    """The key cannot sign; the message says why."""


class Signer:
    """One account's DKIM key."""

    def __init__(self, selector: str, key: str, *, domain: str) -> None:
        """Read a PEM key, in one line or several. Raises BadKeyError."""
        self._named = f"d={domain}; s={selector}"
        self._key = _key(key)

    def sign(self, content: bytes) -> bytes:
        """Return the mail with its signature before it.

        The canonical form is dkimpy's, the arithmetic is not: 5.3 ms in Python's own
        integers, which hold up every other thread, and 0.3 ms here.
        """
        # Only accounts with a key pay for it: dnspython takes 140 ms to import.
        import dkim  # noqa: PLC0415
        from dkim.canonicalization import CanonicalizationPolicy  # noqa: PLC0415

        relaxed = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
        headers, body = dkim.rfc822_parse(content)
        there = {name.lower() for name, _ in headers}
        names = [name for name in SIGNED if name in there]
        chosen = dkim.select_headers(headers, names)
        value = self._value(names, relaxed.canonicalize_body(body))
        own = (b"DKIM-Signature", b" " + value)
        canonical = b"".join(
            name + b":" + text
            for name, text in relaxed.canonicalize_headers([*chosen, own])
        )
        # The last of them is hashed without its line end (RFC 6376, 3.7).
        made = self._key.sign(canonical.rstrip(), PKCS1v15(), hashes.SHA256())
        return b"DKIM-Signature: " + value + _folded(made) + b"\r\n" + content

    def _value(self, names: list[bytes], body: bytes) -> bytes:
        body_hash = base64.b64encode(hashlib.sha256(body).digest()).decode()
        # `from` once more: nobody can add a second one.
        signed = ":".join(name.decode() for name in [*names, b"from"])
        return (
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; {self._named};\r\n h={signed};\r\n"
            f" bh={body_hash};\r\n b="
        ).encode()


def _folded(signature: bytes) -> bytes:
    coded = base64.b64encode(signature)
    return b"\r\n ".join(coded[at : at + 72] for at in range(0, len(coded), 72))


def _key(text: str) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(
            text.replace("\\n", "\n").strip().encode(), password=None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyError("dkim_key is no private key in PEM") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise BadKeyError(f"dkim_key must be RSA of at least {LEAST_BITS} bits")
    return key
