"""Roles in processes of their own: over PostgreSQL, and one of each on SQLite."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.rosters import HEADING, line
from tests.servers import postgres

#: More than a keeper takes in two turns, so that two keepers each get some.
ACCOUNTS = 2_000
TAKE_OVER_SECONDS = 30.0
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
}


class Installation:
    """One folder and one state, and the processes on them."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.log = folder / "data", folder / "told"
        self._ends = contextlib.ExitStack()
        self._environment = {
            name: said
            for name, said in os.environ.items()
            if name not in ("DJANGO_SETTINGS_MODULE", "MENTING_DATABASE")
        } | {
            "MENTING_DATA": str(self.folder),
            "MENTING_PUBLIC_URL": "http://localhost:8080",
        }
        if address:
            self._environment["MENTING_DATABASE"] = address

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a process that is killed with the test."""
        command = [sys.executable, "-m", "tests.server.role_child", str(self.log), *words]
        return self._spawn(command)

    def ask(self, name: str, *given: object) -> Any:
        """Have the operator beside the program do something."""
        desk = self._spawn([sys.executable, "-m", "tests.flows.desk"])
        told, said = desk.communicate(json.dumps([name, *given]) + "\n", timeout=120)
        assert told, said
        return json.loads(told)

    def told(self, what: str) -> list[tuple[int, str]]:
        """Return which process told `what` of which account."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        rows = [one.split(" ") for one in lines]
        return [(int(row[1]), row[3]) for row in rows if row[2] == what]

    def close(self) -> None:
        """Kill what still runs."""
        self._ends.close()

    def _spawn(self, command: list[str]) -> "subprocess.Popen[str]":
        process = subprocess.Popen(  # noqa: S603  # our own program
            command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._ends.callback(process.communicate)
        self._ends.callback(process.kill)
        return process


@pytest.fixture
def shared(tmp_path: Path, server: str) -> Iterator[Installation]:
    with (
        postgres.fresh(server) as address,
        contextlib.closing(Installation(tmp_path, address)) as made,
    ):
        yield made


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Installation]:
    with contextlib.closing(Installation(tmp_path, "")) as made:
        yield made


def _roster(folder: Path, accounts: int) -> str:
    path = folder / "roster.csv"
    path.write_text(HEADING + "".join(line(n) for n in range(1, accounts + 1)))
    return str(path)


def _until(true: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_two_keepers_share_accounts_and_one_takes_over_what_a_killed_one_held(
    shared: Installation, tmp_path: Path
) -> None:
    ports = (_free_port(), _free_port())
    keepers = [shared.start("--only", "keeper", "--port", str(port)) for port in ports]
    _until(lambda: all(map(_is_ready, ports)), seconds=60)
    shared.ask("furnish", _roster(tmp_path, ACCOUNTS))
    _until(lambda: len(shared.told("opened")) >= ACCOUNTS, seconds=90)
    held = defaultdict(set)
    for process, handle in shared.told("opened"):
        held[process].add(handle)
    first, second = (held[keeper.pid] for keeper in keepers)
    assert first
    assert second
    assert not first & second
    assert len(first | second) == len(shared.told("opened")) == ACCOUNTS
    keepers[0].send_signal(signal.SIGKILL)
    _until(
        lambda: len(shared.told("opened")) == ACCOUNTS + len(first),
        seconds=TAKE_OVER_SECONDS + 30,
    )
    taken = shared.told("opened")[ACCOUNTS:]
    assert {process for process, _ in taken} == {keepers[1].pid}
    assert {handle for _, handle in taken} == first


def test_pages_alone_and_a_keeper_alone_deliver_a_campaign_once(
    shared: Installation, tmp_path: Path
) -> None:
    port = _free_port()
    shared.start("--only", "web", "--port", str(port))
    shared.start("--only", "keeper")
    shared.start("--only", "roller", "--only", "chores")
    shared.ask("furnish", _roster(tmp_path, 20))
    _until(lambda: shared.ask("consents") == 20, seconds=60)
    campaign = shared.ask("campaign", "round")
    shared.ask("start", campaign)
    _until(lambda: shared.ask("states", campaign) == {"accepted": 20}, seconds=60)
    sent = [handle for _, handle in shared.told("sent")]
    # To each account's person the answer to "subscribe", and the campaign.
    assert sorted(sent) == sorted(2 * [f"@shop{n}:localhost" for n in range(1, 21)])
    assert _is_ready(port)


def test_a_visit_at_the_pages_is_rolled_by_the_process_beside(alone: Installation) -> None:
    port = _free_port()
    space = alone.ask("open_space", "yard")
    alone.start("--only", "web", "--port", str(port))
    roller = alone.start("--only", "roller")
    _until(lambda: _is_ready(port), seconds=60)
    page = urllib.request.Request(f"http://127.0.0.1:{port}/@yard", headers=BROWSER)
    with urllib.request.urlopen(page) as answer:  # noqa: S310  # our own program
        assert answer.status == 200
    spool = alone.folder / "spool"
    _until(lambda: not list(spool.iterdir()), seconds=30)
    roller.send_signal(signal.SIGTERM)
    assert roller.wait(10) == 0
    assert alone.ask("visited", space) == ["/@yard"]


def test_on_sqlite_a_role_has_one_process_and_others_may_stand_beside(
    alone: Installation,
) -> None:
    port = _free_port()
    alone.start("--only", "web", "--port", str(port))
    _until(lambda: _is_ready(port), seconds=60)
    beside = _free_port()
    alone.start("--only", "keeper", "--port", str(beside))
    _until(lambda: _is_ready(beside), seconds=60)
    for words in ((), ("--only", "keeper"), ("--only", "web")):
        refused = alone.start(*words, "--port", "0")
        _, said = refused.communicate(timeout=60)
        assert refused.returncode == 1
        assert "is in use by the Menting with process id" in said
