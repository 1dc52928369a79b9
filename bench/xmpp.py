"""Many XMPP sessions in one process, and many addresses over one connection."""

import asyncio
import contextlib
import gc
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import slixmpp
import uvloop

from bench import limits
from bench.row import Row
from menting.channels.base import Account, Event, Outgoing, Peer
from menting.channels.xmpp.channel import Xmpp
from menting.cli.demo.prosody import Prosody
from menting.cli.demo.prosody_lua import COMPONENT, HOST, Certificate
from tests.servers import certificate

#: As many sign-ins side by side as the keeper's gate lets through.
AT_ONCE = 16
#: What signing in used and frees has been freed.
REST_SECONDS = 3.0
#: Messages to one reader; at 10,000 Prosody begins to rewrite the archive for each.
MESSAGES = 5_000
#: How many of them stand unanswered at once.
WINDOW = 500

SIDES = ("ours", "bare", "ours-tls", "bare-tls", "component", "bare-component")
OVER_TLS = 300

SignIn = Callable[[int], Awaitable[object]]


def measure(*, accounts: int = 1000, addresses: int = 500) -> Iterator[Row]:
    """Let ours and bare slixmpp do the same, each in a process of its own.

    With TLS fewer accounts: OpenSSL's part of the memory is the same for each.
    """
    with tempfile.TemporaryDirectory(prefix="menting-bench-") as folder:
        told = asyncio.run(_all(Path(folder), accounts, addresses))
    ours, bare = told["ours"], told["bare"]
    name = f"XMPP, {accounts:,} client sessions"
    kilobytes = (ours["kb"], "kB", bare["kb"], ours["kb"] / bare["kb"])
    yield Row(f"{name}: memory of each", *kilobytes, "≤ 80 kB")
    cpu = (ours["cpu"], "ms", bare["cpu"], ours["cpu"] / bare["cpu"])
    yield Row(f"{name}: CPU of a sign-in", *cpu, "≤ 1.5 ×")
    rates = (ours["rate"], "/s", bare["rate"], ours["rate"] / bare["rate"])
    yield Row(f"{name}: sign-ins", *rates, "≥ 0.5 ×")
    ours, bare = told["ours-tls"], told["bare-tls"]
    kilobytes = (ours["kb"], "kB", bare["kb"], ours["kb"] / bare["kb"])
    yield Row("XMPP, client sessions over TLS: memory of each", *kilobytes, "≤ 1.25 ×")
    ours, bare = told["component"], told["bare-component"]
    name = f"XMPP, {addresses:,} addresses over one component"
    rates = (ours["rate"], "/s", bare["rate"], ours["rate"] / bare["rate"])
    yield Row(f"{name}: messages taken", *rates, "≥ 0.4 ×")
    yield Row(f"{name}: memory of each", ours["kb"], "kB", None, None, "≤ 10 kB")


async def _all(folder: Path, accounts: int, addresses: int) -> dict[str, dict[str, float]]:
    names = [f"shop{number}" for number in range(accounts)]
    pair = Certificate(*certificate.make(folder))
    async with Prosody(folder, certificate=pair).running() as server:
        server.register(*names)
        asked = {
            "client": server.ports.client,
            "certificate": str(pair.certificate),
            "component": server.ports.component,
            "secret": server.component_secret,
            "logins": [(server.handle(n), server.password(n)) for n in names],
            "addresses": [server.address(f"desk{number}") for number in range(addresses)],
        }
        told = {}
        for side in SIDES:
            server.register(f"reader-{side}")  # each with an empty archive
            password = server.password(f"reader-{side}")
            given = {"side": side, "reader": password, **asked}
            told[side] = await asyncio.to_thread(_child, given)
        return told


def _child(asked: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(  # ourselves
        [sys.executable, "-m", "bench.xmpp"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


async def _run(asked: dict[str, Any]) -> dict[str, float]:
    limits.allow_sockets()
    if not asked["side"].endswith("component"):
        make = _ours if asked["side"].startswith("ours") else _bare
        count = OVER_TLS if asked["side"].endswith("tls") else len(asked["logins"])
        return await _sign_all_in(make(asked), count)
    async with _reader(asked) as received:
        write = _component if asked["side"] == "component" else _bare_component
        return await write(asked, received)


async def _sign_all_in(sign_in: SignIn, count: int) -> dict[str, float]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def _one(number: int) -> object:
        async with gate:
            return await sign_in(number)

    kept = [await _one(0)]  # what all share is there before the count begins
    before, cpu, began = limits.resident_kilobytes(), limits.cpu_seconds(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(number)) for number in range(1, count)]
    used, seconds = limits.cpu_seconds() - cpu, time.monotonic() - began
    kept += [task.result() for task in tasks]
    del tasks
    await asyncio.sleep(REST_SECONDS)
    gc.collect()
    each = (limits.resident_kilobytes() - before) / (count - 1)
    return {"kb": each, "cpu": used / count * 1000, "rate": (count - 1) / seconds}


def _ours(asked: dict[str, Any]) -> SignIn:
    channel = Xmpp(certificate.trusting(Path(asked["certificate"])))
    is_tls = asked["side"].endswith("tls")
    options = {"host": "127.0.0.1", "port": asked["client"], "tls": is_tls}

    async def _sign_in(number: int) -> object:
        handle, password = asked["logins"][number]
        account = Account(number, handle, "Shop", {"password": password}, options)
        session = await channel.open(account, _keep)
        standing = asyncio.Event()

        async def _deliver(_events: list[Event], _resume: bytes) -> None:
            standing.set()

        listening = asyncio.create_task(session.listen(_deliver, b""))
        await standing.wait()
        return session, listening

    return _sign_in


def _bare(asked: dict[str, Any]) -> SignIn:
    """Ask the same, with one shared SSL context and PBKDF2 in C as ours has."""
    trust = certificate.trusting(Path(asked["certificate"]))

    async def _sign_in(number: int) -> object:
        handle, password = asked["logins"][number]
        xmpp = _slixmpp_client(handle, password, trust)
        xmpp.enable_starttls = asked["side"].endswith("tls")
        xmpp.enable_plaintext = not xmpp.enable_starttls
        await _come_online(xmpp, asked["client"])
        await asyncio.gather(*(_ask(xmpp, tag, to) for tag, to in _questions(handle)))
        return xmpp

    return _sign_in


def _questions(handle: str) -> list[tuple[str, str]]:
    """Return what ours asks as well: abilities, vCard, archive."""
    disco = "{http://jabber.org/protocol/disco#info}query"
    return [(disco, handle), ("{vcard-temp}vCard", handle), ("{urn:xmpp:mam:2}query", "")]


async def _ask(xmpp: Any, tag: str, to: str) -> None:
    iq = xmpp.make_iq_set() if "mam" in tag else xmpp.make_iq_get(ito=to)
    iq.append(Element(tag))
    with contextlib.suppress(slixmpp.exceptions.IqError):  # nobody has a vCard yet
        await iq.send()


def _slixmpp_client(handle: str, password: str, trust: ssl.SSLContext) -> Any:
    xmpp: Any = slixmpp.ClientXMPP(handle, password, ssl_context=trust)
    xmpp.enable_direct_tls = xmpp.enable_starttls = False
    xmpp.enable_plaintext = xmpp.plugin["feature_mechanisms"].unencrypted_scram = True
    return xmpp


async def _come_online(xmpp: Any, port: int) -> None:
    xmpp.connect("127.0.0.1", port)
    await xmpp.wait_until("session_start")
    xmpp.send_presence()
    await xmpp.get_roster()


@asynccontextmanager
async def _reader(asked: dict[str, Any]) -> AsyncIterator[Callable[[], int]]:
    """Give how many messages somebody received."""
    trust = certificate.trusting(Path(asked["certificate"]))
    xmpp = _slixmpp_client(_reader_of(asked), asked["reader"], trust)
    received: list[None] = []
    xmpp.add_event_handler("message", lambda _message: received.append(None))
    await _come_online(xmpp, asked["client"])
    yield lambda: len(received)
    await xmpp.disconnect()


async def _component(
    asked: dict[str, Any], received: Callable[[], int]
) -> dict[str, float]:
    channel, to = Xmpp(), Peer(_reader_of(asked), "user")
    near = {"component": f"127.0.0.1:{asked['component']}"}
    secret = {"component_secret": asked["secret"]}
    before = limits.resident_kilobytes()
    sessions = [
        await channel.open(Account(number, handle, "Shop", secret, near), _keep)
        for number, handle in enumerate(asked["addresses"])
    ]
    each = (limits.resident_kilobytes() - before) / len(sessions)
    gate = asyncio.Semaphore(WINDOW)

    async def _send(number: int) -> None:
        async with gate:
            session = sessions[number % len(sessions)]
            await session.send(to, Outgoing(f"key-{number}", "We open at nine."))

    began = time.monotonic()
    await asyncio.gather(*(_send(number) for number in range(MESSAGES)))
    await _until(lambda: received() >= MESSAGES)
    rate = MESSAGES / (time.monotonic() - began)
    await channel.aclose()
    return {"rate": rate, "kb": each}


async def _bare_component(
    asked: dict[str, Any], received: Callable[[], int]
) -> dict[str, float]:
    """Write as fast as slixmpp can, and know of none whether it was taken."""
    xmpp: Any = slixmpp.ComponentXMPP(  # type: ignore[no-untyped-call]
        COMPONENT, asked["secret"], "127.0.0.1", asked["component"]
    )
    xmpp.connect()
    await xmpp.wait_until("session_start")
    began = time.monotonic()
    for number in range(MESSAGES):
        whose = asked["addresses"][number % len(asked["addresses"])]
        xmpp.send_message(_reader_of(asked), "We open at nine.", mfrom=whose)
    await _until(lambda: received() >= MESSAGES)
    rate = MESSAGES / (time.monotonic() - began)
    await xmpp.disconnect()
    return {"rate": rate}


def _reader_of(asked: dict[str, Any]) -> str:
    return f"reader-{asked['side']}@{HOST}"


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not happened():  # noqa: ASYNC110  # the reader only counts
            await asyncio.sleep(0.01)


async def _keep(_secret: object) -> None: ...


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as `menting run`
        told = runner.run(_run(json.load(sys.stdin)))
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)  # a thousand open streams need no farewell
