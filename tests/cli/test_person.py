"""`menting person`, as a script calls it: one JSON document, or one line of error."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.one_folder

PROGRAM = (
    "import typer; from menting.cli import init, person; from menting.server import logs;"
    "logs.configure('WARNING'); app = typer.Typer();"
    "app.command('init')(init.init); app.add_typer(person.app, name='person'); app()"
)
#: Two people write, as a session would tell it.
WRITTEN = """
from menting.cli import ready
ready.database()
from menting.people import inbox
from tests.people.people import Person, account
desk = account()
for name, text in (("Lin", "订阅"), ("Wu", "hello")):
    Person(desk, name=name, id=f"@{name}:example.org").writes(text)
"""


class Menting:
    """The program over a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._env = {**os.environ, "MENTING_DATA": str(folder)}

    def program(self, source: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a Python program with the folder."""
        return subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", source, *words],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self, *words: str) -> Any:
        """Run one command that succeeds, and return its JSON."""
        done = self.program(PROGRAM, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: str) -> str:
        """Run one command that is refused, and return its one line."""
        done = self.program(PROGRAM, *words, "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        return done.stderr


@pytest.fixture(scope="module")
def menting(tmp_path_factory: pytest.TempPathFactory) -> Menting:
    program = Menting(tmp_path_factory.mktemp("data"))
    program.asked("init")
    done = program.program(WRITTEN)
    assert done.returncode == 0, done.stderr
    return program


def test_people_are_listed_by_pages_and_segment(menting: Menting) -> None:
    first = menting.asked("person", "list", "--limit", "1")
    second = menting.asked("person", "list", "--limit", "1", "--cursor", first["next"])
    names = [page["items"][0]["name"] for page in (first, second)]
    assert (names, second["next"]) == (["Wu", "Lin"], None)
    agreed = '{"field": "consent", "is": "news"}'
    chosen = menting.asked("person", "list", "--segment", agreed)
    assert [item["name"] for item in chosen["items"]] == ["Lin"]


@pytest.mark.parametrize(
    ("segment", "place"), [("{", "column 2"), ('{"field": "x"}', "segment.field")]
)
def test_a_bad_segment_is_one_line_with_its_place(
    menting: Menting, segment: str, place: str
) -> None:
    assert place in menting.refused("person", "list", "--segment", segment)


def test_a_person_and_their_consents_are_shown(menting: Menting) -> None:
    (lin,) = [
        item for item in menting.asked("person", "list")["items"] if item["name"] == "Lin"
    ]
    told = menting.asked("person", "show", str(lin["id"]))
    assert told["facts"][0]["source"] == "matrix:profile"
    history = menting.asked("person", "consent", str(lin["id"]))
    assert history["items"][0]["message"]["text"] == "订阅"
    assert history["ledger"] == {
        "entries": 1,
        "head": history["items"][0]["hash"],
        "first_broken": None,
    }
    for_people = menting.program(PROGRAM, "person", "show", str(lin["id"]))
    assert "订阅" in for_people.stdout


def test_a_copy_is_written_for_its_owner_alone_and_an_erasure_reaches_the_bytes(
    menting: Menting, tmp_path: Path
) -> None:
    (wu,) = [
        item for item in menting.asked("person", "list")["items"] if item["name"] == "Wu"
    ]
    file = tmp_path / "wu.json"
    menting.asked("person", "export", str(wu["id"]), str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["identities"][0]["address"] == "@Wu:example.org"
    gone = menting.asked("person", "erase", str(wu["id"]))
    assert gone["bytes_gone"] is True
    assert "no person" in menting.refused("person", "erase", str(wu["id"]))
    assert menting.asked("person", "show", str(wu["id"]))["name"] == ""


def test_a_person_who_is_not_there_is_one_line(menting: Menting) -> None:
    assert "no person 999" in menting.refused("person", "show", "999")
