"""A mail campaign over ten connections, beside aiosmtplib sending bytes made before."""

import asyncio
import contextlib
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import aiosmtplib

from bench.row import Row
from menting.base import clock
from menting.channels.base import Account, Outgoing, Peer
from menting.channels.mail import line, mailbox
from menting.channels.mail.columns import Server, Tls
from menting.channels.mail.inbox import Inbox
from menting.channels.mail.letter import Frame
from menting.channels.mail.outlet import Outlet
from menting.channels.mail.pool import Pool
from menting.channels.mail.session import MailSession
from menting.channels.mail.trunk import Trunk

CONNECTIONS = 10
#: Side by side in turn, so that what else the machine does hits both.
ROUNDS = 10
SHOP = "shop@shop.test"
TEXT = "你好 {name}，\n\n周日开门，欢迎来坐。 We are open on Sunday.\n\n" + "读书会 " * 60
Send = Callable[[int], Awaitable[object]]


def measure(*, mails: int = 2000) -> Iterator[Row]:
    """Send the same mails both ways to a server that takes everything at once."""
    with _sink() as port:
        ours, bare = asyncio.run(_both(port, mails))
    yield Row(
        f"mail campaign, {CONNECTIONS} connections, each mail rendered",
        mails * ROUNDS / ours,
        "mails/s",
        mails * ROUNDS / bare,
        bare / ours,
        "≥ 0.8 ×",
    )


@contextlib.contextmanager
def _sink() -> Iterator[int]:
    command = [sys.executable, "-m", "bench.mail_sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _both(port: int, mails: int) -> tuple[float, float]:
    """Return the seconds that each way took, over all rounds."""
    ours, close = _ours(port)
    bare, clients = await _bare(port, mails)
    spent = {ours: 0.0, bare: 0.0}
    for _ in range(ROUNDS):
        for send in spent:
            began = time.perf_counter()
            await _over_ten(send, mails)
            spent[send] += time.perf_counter() - began
    await close()
    for client in clients:
        client.close()
    return spent[ours], spent[bare]


async def _over_ten(send: Send, mails: int) -> None:
    numbers = iter(range(mails))

    async def _lane() -> None:
        for number in numbers:
            await send(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(_lane())


def _message(number: int) -> tuple[str, Outgoing]:
    text = TEXT.format(name=f"Person {number}")
    return f"person{number}@people.test", Outgoing(f"key-{number}", text)


def _ours(port: int) -> tuple[Send, Callable[[], Awaitable[None]]]:
    account, tls = Account(1, SHOP, "华夏书店", {}), ssl.create_default_context()
    server = Server("127.0.0.1", port, Tls.NONE)
    outlet = Outlet(line.Login(server, tls, SHOP, SHOP, "x"), Trunk())
    # Nothing is received here: no mailbox is signed in.
    inbox = Inbox(mailbox.Login(server, tls, SHOP, "x"), Pool(), handle=SHOP)
    session = MailSession(account, inbox=inbox, outlet=outlet, signer=None)

    async def _send(number: int) -> None:
        to, message = _message(number)
        await session.send(Peer(to), message)

    return _send, outlet.close


async def _bare(port: int, mails: int) -> tuple[Send, list[aiosmtplib.SMTP]]:
    frame, made = Frame(SHOP, "华夏书店"), []
    for number in range(mails):
        to, message = _message(number)
        made.append((to, frame.letter(to, message, subject="", at=clock.now()).content))
    clients = []
    for _ in range(CONNECTIONS):
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect(username=SHOP, password="x")  # noqa: S106
        clients.append(client)

    async def _send(number: int) -> None:
        client = clients.pop()
        to, content = made[number]
        await client.sendmail(SHOP, [to], content)
        clients.append(client)

    return _send, clients


if __name__ == "__main__":
    for row in measure():
        sys.stdout.write(f"{row}\n")
