"""SCRAM with PBKDF2 in C, registered in place of slixmpp's own."""

import base64
import hashlib
import secrets

from slixmpp.util import bytes as encoded
from slixmpp.util.sasl.client import SASLCancelled, sasl_mech
from slixmpp.util.sasl.mechanisms import SCRAM
from typing_extensions import override

#: Servers ask for 4,096 (RFC 5802) to some 100,000; a million takes half a second of CPU.
MOST_ROUNDS = 1_000_000
#: The only ways to sign in: no server may talk a session into a weaker one.
MECHANISMS = frozenset(
    {"PLAIN"}
    | {f"SCRAM-SHA-{size}{plus}" for size in (1, 256, 512) for plus in ("", "-PLUS")}
)


@sasl_mech(60)  # as slixmpp's own: the stronger hash is chosen first
class FastScram(SCRAM):
    """RFC 5802 and 7677; slixmpp's own takes 200 ms a sign-in."""

    @override
    def process_1(self, challenge: bytes) -> bytes:
        first: bytes = super().process_1(challenge)
        # slixmpp draws its nonce from `random`, which others can foresee.
        nonce = base64.b64encode(secrets.token_bytes(24)).replace(b"=", b"")
        first = first.removesuffix(self.cnonce) + nonce
        self.client_first_message_bare = (
            self.client_first_message_bare.removesuffix(self.cnonce) + nonce
        )
        self.cnonce, self.client_first_message = nonce, first
        return first

    @override
    def Hi(self, text: str, salt: bytes, iterations: int) -> bytes:
        if not 1 <= iterations <= MOST_ROUNDS:
            # slixmpp's constructor is not typed.
            raise SASLCancelled("too many rounds")  # type: ignore[no-untyped-call]
        algorithm = self.hash_name.lower().replace("-", "")
        return hashlib.pbkdf2_hmac(algorithm, encoded(text), salt, iterations)
