"""Hands mails to one account's server over connections that are kept."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPResponseException

from menting.channels import base
from menting.channels.http import short
from menting.channels.mail import address, refusal
from menting.channels.mail.columns import Server, Tls

CONNECT_SECONDS = 10.0
#: For each answer. The sender waits 20 s for a send; RFC 5321 would wait 10 min.
ANSWER_SECONDS = 15.0
#: Opened only as they are needed: an account sends one mail at a time, as a rule.
MOST_CONNECTIONS = 10
#: Postfix hangs up after 300 s, and after 10 s when it is busy.
IDLE_SECONDS = 30.0
#: Asked first whether it stands after so long; at full speed that would be a fifth of
#: all round trips.
FRESH_SECONDS = 5.0
#: Many servers take no more over one connection.
MOST_MAILS = 100


@dataclass(slots=True, eq=False)
class _Line:
    """A connection that is signed in."""

    client: aiosmtplib.SMTP
    mails: int = 0
    #: A refused mail has been begun there.
    is_begun: bool = False
    used_at: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Outlet:
    """The connections of one account to the server that takes its mail."""

    def __init__(
        self, server: Server, tls: ssl.SSLContext, *, handle: str, user: str, password: str
    ) -> None:
        self._server, self._tls = server, tls
        self._sender = address.envelope(handle)
        self._user, self._password = user, password
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._kept: list[_Line] = []

    async def check(self) -> None:
        """Sign in, and keep the connection. Raises AuthFailed, Throttled or Unreachable."""
        self._keep(await self._open())

    async def submit(self, content: bytes, *, recipient: str) -> None:
        """Hand over one mail, complete with dots stuffed and CRLF at its end.

        Raises Refused, Throttled, AuthFailed and Unreachable: it was not sent; and
        Uncertain when the connection broke after the final dot (RFC 1047).
        """
        async with self._places, self._line() as line:
            line.is_begun = True
            await self._transmit(line.client, content, recipient)
            line.is_begun = False
            line.mails += 1

    async def close(self) -> None:
        """Close what is idle."""
        while self._kept:
            _hang_up(self._kept.pop())

    @contextlib.asynccontextmanager
    async def _line(self) -> AsyncIterator[_Line]:
        line = await self._standing() or await self._open()
        try:
            yield line
        except base.ChannelError:
            # After a whole answer the connection goes on; it is closed after any other.
            self._keep(line)
            raise
        except BaseException:
            line.client.close()  # given up in the middle: what comes next is not known
            raise
        self._keep(line)

    async def _standing(self) -> _Line | None:
        """Return a kept connection of which the server has just said that it stands."""
        while self._kept:
            line = self._kept.pop()
            if line.timer is not None:
                line.timer.cancel()
            if await _stands(line):
                line.is_begun = False
                return line
        return None

    def _keep(self, line: _Line) -> None:
        if not line.client.is_connected:
            return
        if line.mails >= MOST_MAILS:
            _hang_up(line)
            return
        loop = asyncio.get_running_loop()
        line.used_at = loop.time()
        line.timer = loop.call_later(IDLE_SECONDS, self._rest, line)
        self._kept.append(line)

    def _rest(self, line: _Line) -> None:
        self._kept.remove(line)
        _hang_up(line)

    async def _open(self) -> _Line:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.TLS,
            start_tls=server.tls is Tls.STARTTLS,
            tls_context=self._tls,
            timeout=CONNECT_SECONDS,
            # Not the machine's own name: that is nobody's business, and slow to look up.
            local_hostname=address.domain(self._sender),
        )
        try:
            await client.connect(username=self._user, password=self._password)
        except aiosmtplib.SMTPAuthenticationError as error:
            raise _of_sign_in(error) from None  # its own text may repeat the secret
        except SMTPResponseException as error:
            raise base.Unreachable(f"the mail server answers {error.code}") from error
        except aiosmtplib.SMTPConnectError as error:
            raise base.Unreachable(short(error)) from error
        except (aiosmtplib.SMTPServerDisconnected, TimeoutError, OSError) as error:
            raise base.Unreachable(f"cannot sign in: {short(error)}") from error
        except aiosmtplib.SMTPException as error:
            raise base.AuthFailed(
                "the mail server offers no sign-in by password"
            ) from error
        return _Line(client)

    async def _transmit(
        self, client: aiosmtplib.SMTP, content: bytes, recipient: str
    ) -> None:
        is_plain = recipient.isascii() and self._sender.isascii()
        if not is_plain and not client.supports_extension("smtputf8"):
            raise base.Refused("the mail server takes no such address (SMTPUTF8)")
        encoding = "ascii" if is_plain else "utf-8"
        options = [] if is_plain else ["SMTPUTF8"]
        try:
            await client.mail(
                self._sender, options=options, encoding=encoding, timeout=ANSWER_SECONDS
            )
            await client.rcpt(recipient, encoding=encoding, timeout=ANSWER_SECONDS)
            begun = await client.execute_command(b"DATA", timeout=ANSWER_SECONDS)
        except SMTPResponseException as error:
            if error.code < 400:  # not even a number: nothing after it can be believed
                client.close()
            raise refusal.of(error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise base.Unreachable(f"the connection broke: {short(error)}") from error
        if begun.code != 354:
            raise refusal.of(begun.code, begun.message)
        await _pour(client, content)


async def _pour(client: aiosmtplib.SMTP, content: bytes) -> None:
    """Write the mail to the final dot; after it only a whole answer proves anything."""
    protocol = client.protocol
    if protocol is None:
        raise base.Unreachable("the connection broke before the mail")
    try:
        protocol.write(content + b".\r\n")
    except aiosmtplib.SMTPServerDisconnected as error:
        raise base.Unreachable("the connection broke before the mail") from error
    try:
        answer = await protocol.read_response(timeout=ANSWER_SECONDS)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()  # a late answer would be taken for that of the next command
        raise base.Uncertain(f"no answer after the final dot: {short(error)}") from error
    if 400 <= answer.code < 600:
        raise refusal.of(answer.code, answer.message)
    if answer.code != 250:
        client.close()
        raise base.Uncertain(f"a strange answer after the final dot ({answer.code})")


async def _stands(line: _Line) -> bool:
    """Ask the server where need be; RSET also makes it forget a mail that it refused."""
    client, now = line.client, asyncio.get_running_loop().time()
    if not client.is_connected:
        return False
    if not line.is_begun and now - line.used_at < FRESH_SECONDS:
        return True
    try:
        await client.rset(timeout=ANSWER_SECONDS)
    except (aiosmtplib.SMTPException, OSError):
        client.close()
    return client.is_connected


def _hang_up(line: _Line) -> None:
    if line.timer is not None:
        line.timer.cancel()
    if line.client.protocol is not None:
        with contextlib.suppress(aiosmtplib.SMTPException):
            line.client.protocol.write(b"QUIT\r\n")
    line.client.close()


def _of_sign_in(error: SMTPResponseException) -> base.ChannelError:
    if 400 <= error.code < 500:
        return base.Throttled(
            f"the mail server puts the sign-in off ({error.code})",
            retry_after=refusal.DEFAULT_WAIT_SECONDS,
        )
    return base.AuthFailed(
        f"the server that takes mail does not accept user and password ({error.code})"
    )
