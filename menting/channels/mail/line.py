"""One connection to the server that takes an account's mail."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field

import aiosmtplib
from aiosmtplib import SMTPResponseException

from menting.channels import base
from menting.channels.http import short
from menting.channels.mail import address, refusal
from menting.channels.mail.columns import Server, Tls

#: After the final dot. RFC 5321 (4.5.3.2.6) would wait 10 minutes; the sender, which has
#: 20 s for a mail with all that goes before it, calls it unknown then.
ANSWER_SECONDS = 11.5


@dataclass(frozen=True, slots=True)
class Login:
    """How an account signs in at the server that takes its mail."""

    server: Server
    tls: ssl.SSLContext = field(repr=False)
    sender: str
    user: str
    password: str = field(repr=False)


class Line:
    """A connection that is signed in; `open` makes it."""

    def __init__(self, client: aiosmtplib.SMTP, sender: str) -> None:
        self._client, self._sender = client, sender
        #: Mails taken, and the loop's time after the last.
        self.mails, self.used_at = 0, 0.0
        #: A mail was begun that the server refused, and may have in mind still.
        self._is_begun = False

    @property
    def is_open(self) -> bool:
        """Say whether neither side has closed it."""
        return self._client.is_connected

    async def begin(self, recipient: str) -> None:
        """Say from whom and to whom, up to the point where the mail itself follows.

        Raises Refused, Throttled, AuthFailed and Unreachable: nothing was sent. One answer
        at a time has no limit of its own: the caller sets one for all of it.
        """
        letters = self._letters(recipient)
        self._is_begun = True
        sender = f"FROM:<{self._sender}>".encode()
        await self._say(b"MAIL", sender, *letters, wanted=(250,))
        await self._say(b"RCPT", f"TO:<{recipient}>".encode(), wanted=(250, 251))
        await self._say(b"DATA", wanted=(354,))

    async def pour(self, content: bytes) -> None:
        """Write the mail to its final dot; from there on only a whole answer proves.

        Raises as `begin` does, and Uncertain when no whole answer comes (RFC 1047).
        """
        protocol = self._client.protocol
        if protocol is None:
            raise base.Unreachable("the connection broke before the mail")
        try:
            protocol.write(content + b".\r\n")
        except aiosmtplib.SMTPServerDisconnected as error:
            raise base.Unreachable("the connection broke before the mail") from error
        try:
            answer = await protocol.read_response(timeout=ANSWER_SECONDS)
        except (aiosmtplib.SMTPException, OSError) as error:
            self.cut()  # a late answer would be taken for that of the next command
            raise base.Uncertain(f"no answer after the dot: {short(error)}") from error
        if 400 <= answer.code < 600:
            raise refusal.of(answer.code, answer.message)
        if answer.code != 250:
            self.cut()
            raise base.Uncertain(f"a strange answer after the dot ({answer.code})")
        self._is_begun = False
        self.mails += 1

    async def stands(self, *, fresh: bool) -> bool:
        """Say whether the server is still there; one used just now (`fresh`) is.

        RSET asks, and makes it forget a mail that it refused.
        """
        if self.is_open and (self._is_begun or not fresh):
            try:
                await self._client.rset(timeout=None)
                self._is_begun = False
            except (aiosmtplib.SMTPException, OSError):
                self.cut()
        return self.is_open

    def cut(self) -> None:
        """Close it in the middle of whatever it is."""
        self._client.close()

    def hang_up(self) -> None:
        """Close it politely, without waiting for the answer."""
        if self._client.protocol is not None:
            with contextlib.suppress(aiosmtplib.SMTPException):
                self._client.protocol.write(b"QUIT\r\n")
        self.cut()

    async def _say(self, *words: bytes, wanted: tuple[int, ...]) -> None:
        """Send a command and hear a whole answer.

        Not by the client's `mail` and `rcpt`, which parse each address anew: 60 us a mail.
        """
        try:
            answer = await self._client.execute_command(*words, timeout=None)
        except SMTPResponseException as error:
            self.cut()  # not even a number: nothing after it can be believed
            raise base.Unreachable("the mail server does not speak SMTP") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise base.Unreachable(f"the connection broke: {short(error)}") from error
        if answer.code not in wanted:
            raise refusal.of(answer.code, answer.message)

    def _letters(self, recipient: str) -> list[bytes]:
        """Return the option for addresses beyond ASCII, where one is (RFC 6531)."""
        if recipient.isascii() and self._sender.isascii():
            return []
        if not self._client.supports_extension("smtputf8"):
            raise base.Refused("the mail server takes no such address (SMTPUTF8)")
        return [b"SMTPUTF8"]


async def open_line(login: Login, *, seconds: float) -> Line:
    """Connect and sign in. Raises AuthFailed, Throttled and Unreachable."""
    server = login.server
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls is Tls.TLS,
        start_tls=server.tls is Tls.STARTTLS,
        tls_context=login.tls,
        timeout=seconds,
        # Not the machine's own name: that is nobody's business, and slow to look up.
        local_hostname=address.domain(login.sender),
    )
    try:
        async with asyncio.timeout(seconds):
            await client.connect(username=login.user, password=login.password)
    except aiosmtplib.SMTPAuthenticationError as error:
        raise _of_sign_in(error) from None  # its own text may repeat the secret
    except SMTPResponseException as error:
        raise base.Unreachable(f"the mail server answers {error.code}") from error
    except (aiosmtplib.SMTPConnectError, OSError) as error:
        raise base.Unreachable(f"cannot sign in: {short(error)}") from error
    except aiosmtplib.SMTPException as error:
        raise base.AuthFailed("the server offers no sign-in by password") from error
    return Line(client, login.sender)


def _of_sign_in(error: SMTPResponseException) -> base.ChannelError:
    if 400 <= error.code < 500:
        return base.Throttled(
            f"the mail server puts the sign-in off ({error.code})",
            retry_after=refusal.DEFAULT_WAIT_SECONDS,
        )
    return base.AuthFailed(
        f"the server that takes mail does not accept user and password ({error.code})"
    )
