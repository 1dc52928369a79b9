"""`menting visit`, as a script calls it: shapes of JSON, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.one_folder

AT = "02/Mar/2011:10:00:00 +0800"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
#: Runs commands of a JSON list one after another, in one process: each start takes 2 s.
PROGRAM = """
import json, sys
import typer
from typer.testing import CliRunner
from menting.cli import init, space, visit
from menting.server import logs

logs.configure("WARNING")
app = typer.Typer()
app.command("init")(init.init)
app.add_typer(space.app, name="space")
app.add_typer(visit.app, name="visit")
done = []
for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, [*words, "--json"])
    done.append((result.exit_code, result.stdout, result.stderr))
json.dump(done, sys.stdout)
"""


class Menting:
    """The program over a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._env = {**os.environ, "MENTING_DATA": str(folder)}

    def run(self, *commands: str) -> list[tuple[int, str, str]]:
        """Run commands; return status, stdout and stderr of each."""
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", PROGRAM],
            env=self._env,
            input=json.dumps([command.split() for command in commands]),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [(status, told, said) for status, told, said in json.loads(done.stdout)]

    def asked(self, *commands: str) -> list[Any]:
        """Run commands that succeed; return the JSON of each."""
        found = []
        for status, told, said in self.run(*commands):
            assert status == 0, said
            found.append(json.loads(told))
        return found


@pytest.fixture(scope="module")
def menting(tmp_path_factory: pytest.TempPathFactory) -> Menting:
    program = Menting(tmp_path_factory.mktemp("data"))
    program.asked("init", "space create yard --time-zone Asia/Shanghai")
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
    bring = f"visit import --space yard --format combined {log}"
    done, again, page = menting.asked(bring, bring, "visit log --space yard --limit 2")
    assert {key: done[key] for key in ("rows", "rejected", "passed", "repeated")} == {
        "rows": 3,
        "rejected": 1,
        "passed": 0,
        "repeated": False,
    }
    assert Path(done["rejected_file"]).read_text().splitlines()[1].startswith("4,")
    assert again["repeated"] is True
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
    rest, none, day, months, tops, undone, empty = menting.asked(
        f"visit log --space yard --cursor {page['next']}",
        "visit log --space yard --from 2011-03-03",
        "visit log --space yard --from 2011-03-02 --to 2011-03-02",
        "visit series --space yard --grain month",
        "visit top --space yard referrer",
        f"visit undo {done['id']}",
        "visit log --space yard",
    )
    assert [item["path"] for item in rest["items"]] == ["/0"]
    assert none == {"items": [], "next": None}
    assert len(day["items"]) == 3
    assert [(each["visits"], each["daily_visitors"]) for each in months["items"]] == [
        (3, 1)
    ]
    assert tops["items"] == [{"id": "a.example", "value": "a.example", "visits": 3}]
    assert undone == {"id": done["id"], "rows": 3}
    assert empty["items"] == []


def test_what_is_asked_wrongly_is_refused_in_one_line(menting: Menting, log: Path) -> None:
    wrong = {
        "visit log --space nowhere": 1,
        "visit log --space yard --cursor x": 1,
        "visit undo 99": 1,
        "visit series --space yard --grain hour": 1,
        f"visit import --space yard --format pigeon {log}": 1,
        "visit import --space yard --format common missing.log": 1,
        "visit log --space yard --from yesterday": 2,
        "visit top --space yard colour": 2,
        "visit series --space yard --grain decade": 2,
    }
    for (command, expected), found in zip(wrong.items(), menting.run(*wrong), strict=True):
        status, told, said = found
        assert (status, told) == (expected, ""), command
        if status == 1:
            assert said.count("\n") == 1


def test_a_visitor_is_made_nameless(menting: Menting) -> None:
    (erased,) = menting.asked("visit erase --space yard 123456789")
    assert erased == {"id": "123456789", "visits": 0}
