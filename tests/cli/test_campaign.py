"""`menting campaign`, as a script calls it: one JSON document, or one line of error."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.one_folder

PROGRAM = (
    "import typer; from menting.cli import init, campaign; app = typer.Typer();"
    "app.command('init')(init.init); app.add_typer(campaign.app, name='campaign'); app()"
)
#: Makes an account and three people, of whom two agreed.
PEOPLE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "menting.server.settings"
django.setup()
from tests.campaigns import world
account = world.account(handle="@desk:example.org")
world.friends(account, 2)
world.talk(world.contact("Silent"), account)
"""
TOML = """
name = "Spring"
from = ["@desk:example.org"]
[content.en]
text = "Hello {{ person.name }}"
"""
ROOT = Path(__file__).resolve().parents[2]


class Menting:
    """The program over a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env = {**os.environ, "MENTING_DATA": str(folder)}

    def python(self, code: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run code over the folder."""
        return subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", code, *words],
            cwd=ROOT,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self, *words: str) -> Any:
        """Run one command that succeeds, and return its JSON."""
        done = self.python(PROGRAM, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: str) -> str:
        """Run one command that is refused, and return its one line."""
        done = self.python(PROGRAM, *words, "--json")
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def menting(tmp_path_factory: pytest.TempPathFactory) -> Menting:
    program = Menting(tmp_path_factory.mktemp("data"))
    program.asked("init")
    made = program.python(PEOPLE)
    assert made.returncode == 0, made.stderr
    return program


def test_a_campaign_is_written_tried_planned_and_refused_until_it_may_start(
    menting: Menting, tmp_path: Path
) -> None:
    file = tmp_path / "spring.toml"
    file.write_text(TOML)
    made = menting.asked("campaign", "create", str(file))
    assert (made["state"], made["planned"]) == ("draft", 0)
    number = str(made["id"])

    tried = menting.asked("campaign", "plan", number, "--dry-run")
    assert (tried["planned"], tried["left_out"]) == (2, {"never agreed": 1})
    assert [(one["name"], one["reason"]) for one in tried["items"]] == [
        ("Silent", "never agreed")
    ]
    assert "only a planned" in menting.refused("campaign", "start", number)

    planned = menting.asked("campaign", "plan", number)
    assert planned == made | {
        "state": "planned",
        "planned": 2,
        "left_out": {"never agreed": 1},
    }
    assert "legal name" in menting.refused("campaign", "start", number)
    menting.asked("campaign", "approve", number)

    page = menting.asked("campaign", "deliveries", number, "--limit", "1")
    assert (len(page["items"]), page["items"][0]["state"]) == (1, "planned")
    rest = menting.asked("campaign", "deliveries", number, "--cursor", page["next"])
    assert (len(rest["items"]), rest["next"]) == (1, None)
    known = str(rest["items"][0]["id"])
    assert "is known" in menting.refused("campaign", "resolve", known, "--again")


def test_a_bad_file_is_told_with_place_and_remedy(menting: Menting, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(TOML.replace("person.name", "person.age"))
    told = menting.refused("campaign", "create", str(file))
    assert f"{file}: content.en.text, line 1: person.age is not known" in told
    assert "No such file" in menting.refused("campaign", "create", str(tmp_path / "none"))


def test_what_is_not_there_is_told(menting: Menting) -> None:
    assert "none with this id" in menting.refused("campaign", "status", "999")


@pytest.mark.parametrize(
    "words",
    [("resolve", "1"), ("resolve", "1", "--again", "--received"), ("deliveries",)],
)
def test_wrong_usage_ends_with_two(menting: Menting, words: tuple[str, ...]) -> None:
    assert menting.python(PROGRAM, "campaign", *words).returncode == 2
