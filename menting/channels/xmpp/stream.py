"""slixmpp's streams as this channel uses them: one attempt, and one entrance for all."""

import asyncio
from xml.etree.ElementTree import Element

from slixmpp.basexmpp import BaseXMPP
from typing_extensions import override

from menting.channels import base
from menting.channels.http import short
from menting.channels.xmpp import refusal
from menting.channels.xmpp.wire import Wire

SIGN_IN_SECONDS = 30.0
#: How long a server that was asked to close may take over it.
CLOSE_SECONDS = 1.0


class Stream(BaseXMPP):
    """Hands all that comes in to its wire; in front of a client or a component."""

    wire: Wire
    _writing: asyncio.Task[None] | None = None

    @override
    async def run_filters(self) -> None:
        self._writing = asyncio.current_task()
        await super().run_filters()

    @override
    def incoming_filter(self, xml: Element) -> Element:
        element: Element = super().incoming_filter(xml)
        self.wire.hear(element)
        return element

    async def close(self) -> None:
        """End the stream as the protocol wants it, then let nothing run on."""
        if not self.wire.lost:
            await self.disconnect(CLOSE_SECONDS)
        self.drop()

    def drop(self) -> None:
        """Break the connection off, and let nothing run on."""
        self.cancel_connection_attempt()
        self.abort()
        if self._writing is not None:
            self._writing.cancel()
        self.wire.lose("the session was closed")


class Attempt:
    """One try to connect and sign in."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        on = stream.add_event_handler
        on("session_start", self._succeed)
        on("connection_failed", lambda why: self._fail(base.Unreachable(_words(why))))
        on("ssl_invalid_chain", lambda why: self._fail(base.Unreachable(_words(why))))
        on("failed_auth", self._refuse)
        on("failed_all_auth", self._end)
        on("disconnected", self._lose)

    async def run(self, host: str, port: int) -> None:
        """Sign in. Raises AuthFailed or Unreachable, and leaves nothing open then."""
        connecting = self._stream.connect(host, port)
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS):
                await self._done
        except BaseException as error:
            connecting.cancel()
            self._stream.drop()
            if isinstance(error, TimeoutError):
                raise base.Unreachable("the server did not sign in in time") from None
            raise
        # The wire's own ping tells a dead connection from a quiet one; a space does not.
        self._stream.cancel_schedule("Whitespace Keepalive")

    def _succeed(self, _event: object) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _fail(self, error: base.ChannelError) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _refuse(self, failure: dict[str, str]) -> None:
        if failure["condition"] == "invalid-mechanism":
            return  # the next one may do
        # Each further mechanism would count as one more wrong password.
        self._fail(refusal.of_sign_in(failure["condition"]))

    def _end(self, _event: object) -> None:
        self._fail(base.AuthFailed("the server offers no safe way to sign in"))

    def _lose(self, why: object) -> None:
        fault = self._stream.wire.fault
        if fault == "not-authorized":
            self._fail(refusal.of_sign_in(fault))
        reason = fault or _words(why)
        self._fail(base.Unreachable(reason))
        self._stream.wire.lose(reason)


def _words(why: object) -> str:
    if isinstance(why, BaseException):
        return f"cannot connect: {short(why)}"
    return str(why or "the connection was closed")
