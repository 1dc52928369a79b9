"""`kill -9` of the program at five arrows of a send, on a real homeserver behind a proxy.

Visits come in all the while; each that was acknowledged must be kept, and once.

After each kill the program is started again on the same folder. What the recipients have
is counted at the homeserver, by people who share no code with the program.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from menting.cli.demo.homeserver import Homeserver, free_port
from tests.servers.person import Person
from tests.servers.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS, PEOPLE, KILLS_EACH = 2, 6, 5
SEND = "/send/m.room.message/"
#: The arrows; "on the wire" is made by the proxy, the others by `tests.flows.program`.
ON_THE_WIRE = "on the wire"
ARROWS = ("claimed", "dispatching", ON_THE_WIRE, "answered", "settled")
PATIENCE_SECONDS = 40
SPACE = "garden"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, slots=True)
class Round:
    """One kill, in the middle of one campaign."""

    arrow: str
    number: int
    campaign: int

    @property
    def marker(self) -> str:
        return f"#{self.number}#"


class Desk:
    """The operator's process, and the folder that the program runs on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        #: Where the running program listens; another one after each kill.
        self.port = 0

    async def spawn(self, *words: str) -> asyncio.subprocess.Process:
        """Start a module of the tests over the folder."""
        there = {"MENTING_DATA": str(self._folder), "MENTING_LOG_LEVEL": "ERROR"}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MENTING_")}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *words),
            cwd=ROOT,
            env=environment | there,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def ask(self, name: str, *given: object) -> Any:
        """Let the operator do something, and return what is told."""
        if self._process is None:
            self._process = await self.spawn("tests.flows.desk")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *given]).encode() + b"\n")
        return json.loads(await self._process.stdout.readline())

    async def leave(self) -> None:
        """End the operator's process."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    @contextlib.asynccontextmanager
    async def program(self, *fault: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Let the program run within the block, and kill it at its end."""
        self.port = free_port()
        port = str(self.port)
        real = ("menting", "run", "--port", port)
        running = await self.spawn(
            *(("tests.flows.program", port, *fault) if fault else real)
        )
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                running.kill()
            await running.wait()
            await self.ask("let_leases_run_out")


@pytest.mark.homeserver
async def test_no_kill_loses_or_doubles_a_message_or_a_visit(
    homeserver: Homeserver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk, proxy = Desk(tmp_path / "data"), Proxy(homeserver.url)
    async with aiohttp.ClientSession() as http, proxy.running():
        try:
            people = [await _person(homeserver, http, n) for n in range(PEOPLE)]
            await _agree(desk, people, await _roster(homeserver, proxy, tmp_path))
            space = await desk.ask("open_space", SPACE)
            async with _visitors(desk, http) as acknowledged:
                rounds = await _kill_everywhere(desk, proxy)
            kept = Counter(await desk.ask("visited", space))
            told = {one.number: await desk.ask("states", one.campaign) for one in rounds}
            received = [text for person in people for text in await person.read_all()]
        finally:
            await desk.leave()
    counts = {one.number: _count(one, received) for one in rounds}
    with capsys.disabled():
        _print(rounds, told, counts)
        sys.stdout.write(
            f"visits acknowledged {len(acknowledged)}, kept {len(kept)}, "
            f"twice {sum(n > 1 for n in kept.values())}, "
            f"missing {len(acknowledged - set(kept))}\n"
        )
    assert len(acknowledged) > KILLS_EACH * len(ARROWS)
    assert acknowledged <= set(kept)
    assert set(kept.values()) == {1}
    for one in rounds:
        assert set(told[one.number]) <= {"accepted", "rejected", "unknown"}
        assert set(counts[one.number].values()) == {1}, f"somebody got {one} twice"
        # Matrix knows keys: what a kill left unknown was asked for again, and is known.
        assert told[one.number] == {"accepted": PEOPLE}
        assert len(counts[one.number]) == PEOPLE


@contextlib.asynccontextmanager
async def _visitors(desk: Desk, http: aiohttp.ClientSession) -> AsyncIterator[set[str]]:
    """Visit all the while, each time another page; give those that were acknowledged."""
    acknowledged: set[str] = set()

    async def _go_on_visiting() -> None:
        for number in itertools.count():
            path = f"/page/{number}"
            if await _visit(desk.port, http, path) == 204:
                acknowledged.add(path)
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        visiting = group.create_task(_go_on_visiting())
        yield acknowledged
        visiting.cancel()


async def _visit(port: int, http: aiohttp.ClientSession, path: str) -> int:
    headers = {"Origin": f"http://localhost:{port}", "User-Agent": BROWSER}
    try:
        async with http.post(
            f"http://127.0.0.1:{port}/v",
            json={"space": SPACE, "path": path},
            headers=headers,
        ) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0  # killed, or not there yet: nothing was acknowledged


class Recipient(Person):
    """Somebody in one room with one account."""

    room = ""

    async def agree(self, account: str) -> None:
        """Invite the account and subscribe."""
        self.account, self.room = account, await self.open_room(account)
        await self.say(self.room, "subscribe")

    async def read_all(self) -> list[tuple[str, str]]:
        """Return who I am with each text that the server holds from the account."""
        return [(self.id, text) for text in await self.read(self.room, self.account)]


async def _person(
    homeserver: Homeserver, http: aiohttp.ClientSession, number: int
) -> Recipient:
    name = f"killed{number}"
    await homeserver.register({name: name.title()})
    person = Recipient(homeserver, name, http)
    await person.sign_in()
    return person


async def _roster(homeserver: Homeserver, proxy: Proxy, folder: Path) -> Path:
    names = [f"killshop{n}" for n in range(ACCOUNTS)]
    await homeserver.register({name: name.title() for name in names})
    lines = [
        f"matrix,{homeserver.handle(name)},{name},{proxy.url},{homeserver.password(name)}"
        for name in names
    ]
    file = folder / "roster.csv"
    file.write_text("\n".join(["channel,handle,name,homeserver,password", *lines]) + "\n")
    return file


async def _agree(desk: Desk, people: Sequence[Recipient], roster: Path) -> None:
    """Bring the accounts online, and let each person agree to hear from one."""
    handles = await desk.ask("furnish", str(roster))

    async def _all_agreed() -> bool:
        return bool(await desk.ask("consents") == PEOPLE)

    async with desk.program():
        for number, person in enumerate(people):
            await person.agree(handles[number % ACCOUNTS])
        await _until(_all_agreed)


async def _kill_everywhere(desk: Desk, proxy: Proxy) -> list[Round]:
    """Kill once a campaign; the next start must bring the one before to its end."""
    rounds: list[Round] = []
    for number, arrow in enumerate(ARROWS * KILLS_EACH):
        one = Round(arrow, number, await desk.ask("campaign", f"#{number}#"))
        fault = () if arrow == ON_THE_WIRE else (arrow, one.marker)
        async with desk.program(*fault) as running:
            await _settled(desk, rounds)
            await _reach(desk, proxy, one, running)
        rounds.append(one)
    async with desk.program():
        await _settled(desk, rounds)
    return rounds


async def _settled(desk: Desk, rounds: Sequence[Round]) -> None:
    async def _last_is() -> bool:
        states = await desk.ask("states", rounds[-1].campaign)
        return not set(states) - {"accepted", "rejected"}

    if rounds:
        await _until(_last_is)


async def _reach(
    desk: Desk, proxy: Proxy, one: Round, running: asyncio.subprocess.Process
) -> None:
    """Start the campaign, and return when the program stands at the arrow."""
    if one.arrow != ON_THE_WIRE:
        await desk.ask("start", one.campaign)
        assert running.stdout is not None
        said = await asyncio.wait_for(running.stdout.readline(), PATIENCE_SECONDS)
        assert said == b"standing\n"
        return
    # Both kinds: the homeserver never had it, and it has it but nobody was told.
    hold = proxy.hold_request if one.number // len(ARROWS) % 2 else proxy.hold_answer
    held = hold(SEND)
    await desk.ask("start", one.campaign)
    await asyncio.wait_for(held.arrived.wait(), PATIENCE_SECONDS)
    # The answer is not there before the server has it.
    await asyncio.sleep(0.1)


def _count(one: Round, received: Sequence[tuple[str, str]]) -> Counter[str]:
    return Counter(person for person, text in received if one.marker in text)


def _print(
    rounds: Sequence[Round],
    told: Mapping[int, Mapping[str, int]],
    counts: Mapping[int, Counter[str]],
) -> None:
    """Print by arrow what the homeserver has, and what the program says."""
    sys.stdout.write("\nkilled at      kills  planned  once  twice  missing  told\n")
    for arrow in ARROWS:
        these = [one for one in rounds if one.arrow == arrow]
        had = [n for one in these for n in counts[one.number].values()]
        states: Counter[str] = Counter()
        for one in these:
            states.update(told[one.number])
        planned = PEOPLE * len(these)
        sys.stdout.write(
            f"{arrow:13} {len(these):6} {planned:8} {had.count(1):5} "
            f"{len(had) - had.count(1):6} {planned - len(had):8}  {dict(states)}\n"
        )


async def _until(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await what():
                return
            await asyncio.sleep(0.1)
