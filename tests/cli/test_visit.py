"""`menting visit`, as a script calls it: shapes of JSON, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AT = "02/Mar/2011:10:00:00 +0800"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PROGRAM = (
    "import typer; from menting.cli import init, space, visit; "
    "from menting.server import logs; logs.configure('WARNING'); app = typer.Typer(); "
    "app.command('init')(init.init); app.add_typer(space.app, name='space'); "
    "app.add_typer(visit.app, name='visit'); app()"
)


class Menting:
    """The program over a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._env = {**os.environ, "MENTING_DATA": str(folder)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", PROGRAM, *words],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self, *words: str) -> Any:
        """Run one command that succeeds, and return its JSON."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def menting(tmp_path_factory: pytest.TempPathFactory) -> Menting:
    program = Menting(tmp_path_factory.mktemp("data"))
    program.asked("init")
    program.asked("space", "create", "yard", "--time-zone", "Asia/Shanghai")
    return program


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "access.log"
    lines = [
        f'1.2.3.4 - - [{AT}] "GET /{n} HTTP/1.1" 200 1 "https://a.example/" "{AGENT}"'
        for n in range(3)
    ]
    path.write_text("\n".join([*lines, "damaged"]) + "\n")
    return path


def test_an_old_history_comes_in_is_looked_at_and_is_taken_back(
    menting: Menting, log: Path
) -> None:
    words = ("visit", "import", "--space", "yard", "--format", "combined", str(log))
    done = menting.asked(*words)
    assert {key: done[key] for key in ("rows", "rejected", "passed", "repeated")} == {
        "rows": 3,
        "rejected": 1,
        "passed": 0,
        "repeated": False,
    }
    assert Path(done["rejected_file"]).read_text().splitlines()[1].startswith("4,")
    assert menting.asked(*words)["repeated"] is True

    page = menting.asked("visit", "log", "--space", "yard", "--limit", "2")
    assert page["next"]
    assert page["items"][0] == {
        "at": "2011-03-02T10:00:00+08:00",
        "space": "yard",
        "path": "/2",
        "visitor": None,
        "anonymous_id": page["items"][0]["anonymous_id"],
        "referrer": "a.example",
        "country": "AU",
        "device": "desktop",
        "browser": "Firefox",
        "source": f"import:{done['id']}",
        "precision": "second",
    }
    rest = menting.asked("visit", "log", "--space", "yard", "--cursor", page["next"])
    assert [item["path"] for item in rest["items"]] == ["/0"]
    none = menting.asked("visit", "log", "--space", "yard", "--from", "2011-03-03")
    assert none == {"items": [], "next": None}
    day = ("--from", "2011-03-02", "--to", "2011-03-02")
    assert len(menting.asked("visit", "log", "--space", "yard", *day)["items"]) == 3

    months = menting.asked("visit", "series", "--space", "yard", "--grain", "month")
    assert [(item["visits"], item["daily_visitors"]) for item in months["items"]] == [
        (3, 1)
    ]
    tops = menting.asked("visit", "top", "--space", "yard", "referrer")
    assert tops["items"] == [{"id": "a.example", "value": "a.example", "visits": 3}]

    assert menting.asked("visit", "undo", str(done["id"])) == {"id": done["id"], "rows": 3}
    assert menting.asked("visit", "log", "--space", "yard")["items"] == []


def test_what_is_asked_wrongly_is_refused_in_one_line(menting: Menting, log: Path) -> None:
    for status, *words in (
        (1, "log", "--space", "nowhere"),
        (1, "log", "--space", "yard", "--cursor", "x"),
        (1, "undo", "99"),
        (1, "series", "--space", "yard", "--grain", "hour"),
        (1, "import", "--space", "yard", "--format", "pigeon", str(log)),
        (1, "import", "--space", "yard", "--format", "common", "missing.log"),
        (2, "log", "--space", "yard", "--from", "yesterday"),
        (2, "top", "--space", "yard", "colour"),
        (2, "series", "--space", "yard", "--grain", "decade"),
    ):
        done = menting.run("visit", *map(str, words), "--json")
        assert (done.returncode, done.stdout) == (status, ""), words
        assert "Traceback" not in done.stderr
        if status == 1:
            assert done.stderr.count("\n") == 1
