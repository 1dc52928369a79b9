"""Sign mails with an account's DKIM key (RFC 6376)."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: All that a reader is shown or a mail program acts upon; RFC 8058 wants the last two.
SIGNED = (
    *(b"from", b"to", b"subject", b"date", b"message-id", b"in-reply-to", b"references"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
    *(b"list-unsubscribe", b"list-unsubscribe-post"),
)
LEAST_BITS = 1024


class BadKeyError(Exception):
    """The key cannot sign; the message says why."""


class Signer:
    """One account's DKIM key."""

    def __init__(self, selector: str, key: str, *, domain: str) -> None:
        """Read a PEM key, in one line or several. Raises BadKeyError."""
        self._selector, self._domain = selector.encode(), domain.encode()
        self._key = _pem(key)

    def sign(self, content: bytes) -> bytes:
        """Return the mail with its signature before it; 5 ms with a key of 2,048 bits."""
        # Only accounts with a key pay for it: dnspython takes 140 ms and 9 MB to import.
        import dkim  # noqa: PLC0415

        names = {line.partition(b":")[0].lower() for line in _head(content)}
        signature: bytes = dkim.sign(
            content,
            *(self._selector, self._domain, self._key),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name for name in SIGNED if name in names],
        )
        return signature + content


def _head(content: bytes) -> list[bytes]:
    return content.partition(b"\r\n\r\n")[0].split(b"\r\n")


def _pem(text: str) -> bytes:
    try:
        key = serialization.load_pem_private_key(
            text.replace("\\n", "\n").strip().encode(), password=None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyError("dkim_key is no private key in PEM") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise BadKeyError(f"dkim_key must be RSA of at least {LEAST_BITS} bits")
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
