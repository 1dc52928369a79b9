"""A mail server that takes everything at once: only the sender's own speed is seen."""

import asyncio
import sys

from typing_extensions import override

#: By the first four letters of a command.
ANSWERS = {
    b"EHLO": b"250-sink\r\n250 AUTH PLAIN\r\n",
    b"AUTH": b"235 2.7.0 yes\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._heard = b""
        self._is_mail = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    @override
    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._is_mail:
            if not self._heard.endswith(b"\r\n.\r\n"):
                return
            self._is_mail, self._heard = False, b""
            self._transport.write(b"250 2.0.0 taken\r\n")
        elif self._heard.endswith(b"\r\n"):
            command, self._heard = self._heard[:4].upper(), b""
            self._is_mail = command == b"DATA"
            self._transport.write(ANSWERS.get(command, b"250 2.0.0 yes\r\n"))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
