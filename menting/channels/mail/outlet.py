"""Hands mails to one account's server over connections that are kept."""

import asyncio

from menting.channels import base
from menting.channels.mail.line import Line, Login
from menting.channels.mail.trunk import Trunk

#: For a sign-in that an operator waits for, which may be slow.
SIGN_IN_SECONDS = 25.0
#: For all that goes before a mail: a connection where none stands, and the envelope. With
#: the answer after the final dot it stays below the 20 s that the sender waits.
BEFORE_SECONDS = 8.0
#: Opened only as they are needed: an account sends one mail at a time, as a rule.
MOST_CONNECTIONS = 10
#: Postfix hangs up after 300 s, and after 10 s when it is busy.
IDLE_SECONDS = 30.0
#: Asked first whether it stands after so long; at full speed that would be a fifth of
#: all round trips.
FRESH_SECONDS = 5.0
#: Many servers take no more over one connection.
MOST_MAILS = 100


class Outlet:
    """The connections of one account to the server that takes its mail."""

    def __init__(self, login: Login, trunk: Trunk) -> None:
        self._login, self._trunk = login, trunk
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        #: The one used last is at the end.
        self._kept: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None

    async def check(self) -> None:
        """Sign in and hang up: many an account has nothing to send for days.

        Raises AuthFailed, Throttled and Unreachable.
        """
        line = await self._trunk.open(self._login, seconds=SIGN_IN_SECONDS)
        self._trunk.close(line)

    async def submit(self, content: bytes, *, recipient: str) -> None:
        """Hand over one mail, complete with dots stuffed and CRLF at its end.

        Raises Refused, Throttled, AuthFailed and Unreachable: it was not sent; and
        Uncertain when the connection broke after the final dot (RFC 1047).
        """
        async with self._places:
            line = await self._begun(recipient)
            try:
                await line.pour(content)
            except asyncio.CancelledError:
                line.cut()  # what the server says next belongs to a mail given up
                raise
            finally:
                self._keep(line)

    async def close(self) -> None:
        """Close what is idle; a later mail opens anew."""
        while self._kept:
            self._trunk.close(self._kept.pop())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _begun(self, recipient: str) -> Line:
        """Return a line on which the server waits for the mail itself."""
        line: Line | None = None
        try:
            async with asyncio.timeout(BEFORE_SECONDS):
                line = await self._standing()
                if line is None:
                    line = await self._trunk.open(self._login, seconds=BEFORE_SECONDS)
                await line.begin(recipient)
                return line
        except base.ChannelError:
            if line is not None:  # after a whole answer it goes on
                self._keep(line)
            raise
        except (TimeoutError, asyncio.CancelledError) as error:
            if line is not None:
                line.cut()
                self._keep(line)
            if isinstance(error, TimeoutError):
                raise base.Unreachable("the mail server does not answer") from error
            raise

    async def _standing(self) -> Line | None:
        """Return a kept connection that still stands, the one used last first."""
        while self._kept:
            line = self._kept.pop()
            self._trunk.take(line)
            age = asyncio.get_running_loop().time() - line.used_at
            try:
                stands = await line.stands(fresh=age < FRESH_SECONDS)
            except BaseException:
                self._trunk.close(line)
                raise
            if stands:
                return line
            self._trunk.close(line)
        return None

    def _keep(self, line: Line) -> None:
        """Keep a line for the next mail; one that broke or is used up is closed."""
        if not line.is_open or line.mails >= MOST_MAILS:
            self._trunk.close(line)
            return
        loop = asyncio.get_running_loop()
        line.used_at = loop.time()
        self._kept.append(line)
        self._trunk.rest(line, lambda: self._drop(line))
        if self._timer is None:  # one for all: a timer for each mail is 5 us of each
            self._timer = loop.call_later(IDLE_SECONDS, self._rest)

    def _drop(self, line: Line) -> None:
        self._kept.remove(line)
        self._trunk.close(line)

    def _rest(self) -> None:
        """Close what is idle, and come again while anything is kept."""
        loop = asyncio.get_running_loop()
        since = loop.time() - IDLE_SECONDS
        while self._kept and self._kept[0].used_at <= since:
            self._drop(self._kept[0])
        self._timer = None
        if self._kept:
            due = self._kept[0].used_at + IDLE_SECONDS
            self._timer = loop.call_at(due, self._rest)
