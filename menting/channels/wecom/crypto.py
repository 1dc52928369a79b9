"""The envelope of WeCom's callbacks (developer.work.weixin.qq.com, path/90968, 91144)."""

import base64
import binascii
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from menting.channels.hook import ForgedError

#: PKCS#7 to 32 bytes, though a block of AES has 16.
PAD_TO = 32
RANDOM_BYTES = 16
LENGTH_BYTES = 4


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Return `msg_signature`: SHA-1 of the four in order, in hexadecimal."""
    joined = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def is_signed(given: str, token: str, timestamp: str, nonce: str, encrypted: str) -> bool:
    """Say whether the signature is the token's own."""
    own = signature(token, timestamp, nonce, encrypted)
    return hmac.compare_digest(own.encode(), given.encode())


def aes_key(encoded: str) -> bytes:
    """Return the 32 bytes of an EncodingAESKey of 43 letters. Raises ValueError."""
    try:
        key = base64.b64decode(encoded + "=", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise ValueError("must be 43 letters and digits")
    return key


def decrypt(encoded_key: str, encrypted: str, *, receiver: str) -> bytes:
    """Return the message of an envelope that is meant for `receiver`, a corp.

    Raises ForgedError when it was made with another key or for another corp.
    """
    key = aes_key(encoded_key)
    try:
        sealed = base64.b64decode(encrypted, validate=True)
        opener = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = opener.update(sealed) + opener.finalize()
        return _message(_unpadded(padded), receiver)
    except (ValueError, binascii.Error, struct.error) as error:
        raise ForgedError("the envelope does not open") from error


def _unpadded(padded: bytes) -> bytes:
    count = padded[-1] if padded else 0
    if not 1 <= count <= PAD_TO or padded[-count:] != bytes([count]) * count:
        raise ValueError("the padding is wrong")
    return padded[:-count]


def _message(plain: bytes, receiver: str) -> bytes:
    start = RANDOM_BYTES + LENGTH_BYTES
    (length,) = struct.unpack(">I", plain[RANDOM_BYTES:start])
    message, to = plain[start : start + length], plain[start + length :]
    if len(message) != length or to != receiver.encode():
        raise ValueError("it is for another")
    return message
