"""`menting account` as a process, against a real homeserver: alone and beside a program."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from menting.base import ids
from menting.cli.demo.homeserver import Homeserver

ACCOUNTS = 12
#: `menting account` without the other nouns.
COMMAND = "from menting.cli.main import main; main()"
#: A program that keeps the accounts of a folder until its input ends.
KEEPING = """
import asyncio, sys
from menting.base import lease
from menting.cli import alone, ready

folder = ready.database()
from menting.workers.keeper import Keeper

async def keep():
    stop = asyncio.Event()
    running = asyncio.create_task(Keeper(lease.holder_name()).run(stop))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    await running

alone.run_alone(folder, keep())
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def keeping(data: Path, imported: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", KEEPING],
        env=_environment(data),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        assert program.stdout.readline() == "ready\n"
        yield program
        program.stdin.close()
        assert program.wait(10) == 0


@pytest.fixture
def imported(data: Path, tmp_path: Path, homeserver: Homeserver) -> Path:
    """Import accounts of which the second has a wrong password."""
    names = {f"{ids.code()}{n}": f"Shop {n}" for n in range(ACCOUNTS)}
    asyncio.run(homeserver.register(names))
    roster = tmp_path / "roster.csv"
    with roster.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["channel", "handle", "name", "homeserver", "password"])
        for n, name in enumerate(names):
            password = "wrong" if n == 1 else homeserver.password(name)
            rows.writerow(
                ["matrix", homeserver.handle(name), f"店 {n}", homeserver.url, password]
            )
    told, said = _menting(data, "import", str(roster))
    assert (told["added"], told["rejected"], said) == (ACCOUNTS, [], "")
    return roster


def _environment(data: Path) -> dict[str, str]:
    outer = {
        key: said for key, said in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"
    }
    return {**outer, "MENTING_DATA": str(data)}


def _menting(data: Path, *args: str, status: int = 0, said: str = "") -> tuple[Any, str]:
    """Run a command with --json; return its document and what it said on stderr."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", COMMAND, "account", *args, "--json"],
        env=_environment(data),
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return (json.loads(done.stdout) if done.stdout else None), done.stderr


@pytest.mark.homeserver
def test_alone_it_signs_all_in_and_names_who_failed_and_why(
    data: Path, imported: Path
) -> None:
    told, said = _menting(data, "signin", "--all", status=1)
    assert (told["asked"], told["live"]) == (ACCOUNTS, ACCOUNTS - 1)
    [failed] = told["failed"]
    assert failed["id"] == 2
    assert failed["handle"].startswith("@")
    assert failed["reason"]
    assert 0 < told["seconds"] < 60
    assert said == f"1 of {ACCOUNTS} accounts did not sign in\n"
    page, _ = _menting(data, "list", "--limit", "5")
    assert [item["state"] for item in page["items"]] == [
        *("offline", "needs_auth", "offline", "offline", "offline")
    ]
    assert set(page["items"][0]) == {"id", "channel", "handle", "state", "reason", "since"}
    rest, _ = _menting(data, "list", "--cursor", page["next"])
    assert len(rest["items"]) == ACCOUNTS - 5
    assert rest["next"] is None


@pytest.mark.homeserver
def test_beside_a_program_it_writes_what_is_wanted_and_watches(
    data: Path, keeping: subprocess.Popen[str]
) -> None:
    told, _ = _menting(data, "signin", "1", "3", "4")
    assert (told["asked"], told["live"], told["failed"]) == (3, 3, [])
    page, _ = _menting(data, "list", "--state", "online")
    assert [item["id"] for item in page["items"]] == [1, 3, 4]
    _menting(data, "signout", "3")
    gone, _ = _menting(data, "remove", "4")
    assert gone["id"] == 4
    told, _ = _menting(data, "signin", "--all", status=1)
    assert (told["asked"], told["live"]) == (ACCOUNTS - 1, ACCOUNTS - 2)


@pytest.mark.homeserver
def test_a_second_import_changes_nothing_and_bad_lines_are_told(
    data: Path, imported: Path
) -> None:
    with imported.open("a", encoding="utf-8") as roster:
        roster.write("icq,@x:y,X,http://x,pw\n")
    said_dry, _ = _menting(data, "import", str(imported), "--dry-run", status=1)
    told, said = _menting(data, "import", str(imported), status=1)
    assert (said_dry["unchanged"], told["unchanged"], told["added"]) == (12, 12, 0)
    assert told["rejected"] == said_dry["rejected"]
    assert [(one["line"], one["handle"]) for one in told["rejected"]] == [(14, "@x:y")]
    assert "no channel of this name" in told["rejected"][0]["reason"]
    assert Path(told["rejected_file"]).is_file()
    assert said == f"1 line was not taken: see {told['rejected_file']}\n"


def test_what_cannot_be_done_is_one_line_on_stderr(data: Path, tmp_path: Path) -> None:
    roster = tmp_path / "r.csv"
    roster.write_text("name,password\nA,hunter2\n")
    told, said = _menting(data, "import", str(roster), status=1)
    assert told is None
    assert "channel, handle is missing" in said
    assert said.count("\n") == 1
    for args in (("signin", "9"), ("signout", "9"), ("remove", "9")):
        assert _menting(data, *args, status=1) == (None, "there is no account 9\n")
    assert _menting(data, "import", str(tmp_path / "none.csv"), status=1)[0] is None
    assert _menting(data, "list", "--cursor", "x", status=1)[0] is None
    _menting(data, "signin", status=2)
    _menting(data, "list", "--state", "asleep", status=2)


def test_a_template_filled_in_is_a_roster_and_its_export_has_no_secret(
    data: Path, tmp_path: Path
) -> None:
    told, _ = _menting(data, "template", "matrix")
    assert [one["name"] for one in told["columns"]][:3] == ["channel", "handle", "name"]
    (tmp_path / "token.txt").write_text("sesame")
    heading, line = told["csv"].splitlines()
    filled = tmp_path / "filled.csv"
    filled.write_text(f"{heading},token_file\n{line},token.txt\n", "utf-8")
    stored, _ = _menting(data, "import", str(filled))
    assert stored["added"] == 1
    again = tmp_path / "again.csv"
    _menting(data, "export", str(again))
    assert "@shop:example.org" in again.read_text("utf-8-sig")
    assert "sesame" not in again.read_text("utf-8-sig")


def test_the_key_is_changed_and_a_new_secret_taken(data: Path, tmp_path: Path) -> None:
    roster = tmp_path / "r.csv"
    roster.write_text("channel,handle,homeserver,password\nmatrix,@a:x,http://x,old\n")
    _menting(data, "import", str(roster))
    key = (data / "keys" / "vault.key").read_text()
    told, _ = _menting(data, "rotate-key")
    assert Path(told["old_key"]).read_text() == key
    assert (data / "keys" / "vault.key").read_text() != key
    document, _ = _menting(data, "secret", "1", said="password=new\n")
    assert document["id"] == 1
    stored, _ = _menting(data, "import", str(roster))
    assert stored["changed"] == 1
    _, said = _menting(data, "secret", "1", said="pasword=new\n", status=1)
    assert (
        said
        == "no secret is called pasword; there are password, token, as_token, hs_token\n"
    )


def test_a_platform_without_landing_links_says_so(data: Path, tmp_path: Path) -> None:
    roster = tmp_path / "r.csv"
    roster.write_text("channel,handle,homeserver,password\nmatrix,@a:x,http://x,old\n")
    _menting(data, "import", str(roster))
    _, said = _menting(data, "invite", "1", "poster", status=1)
    assert said == "no link was made: matrix has no landing links\n"
    _, said = _menting(data, "invite", "1", "a poster", status=1)
    assert "A-Z" in said
