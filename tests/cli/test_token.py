"""`menting token`, as a script calls it: one JSON document, or one line of error."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.one_folder

MADE = ("create", "--name", "books", "--scope", "accounts:read", "--scope", "people:read")


class Menting:
    """The program over a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._env = {**os.environ, "MENTING_DATA": str(folder)}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run Python with the folder."""
        return subprocess.run(  # noqa: S603  # our own program
            [sys.executable, *words],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self, *words: str) -> Any:
        """Run `menting token` so that it succeeds, and return its JSON."""
        done = self.run("-m", "menting", "token", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: str) -> str:
        """Run `menting token` so that it is refused, and return its one line."""
        done = self.run("-m", "menting", "token", *words, "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        return done.stderr


@pytest.fixture(scope="module")
def menting(tmp_path_factory: pytest.TempPathFactory) -> Menting:
    program = Menting(tmp_path_factory.mktemp("data"))
    assert program.run("-m", "menting", "init").returncode == 0
    return program


def test_a_token_is_printed_once_listed_without_and_revoked_for_good(
    menting: Menting,
) -> None:
    made = menting.asked(*MADE)
    assert re.fullmatch(r"mnt_p_[0-9A-Za-z]{36}", made["token"])
    assert made["scopes"] == ["accounts:read", "people:read"]
    listed = menting.asked("list")
    [item] = listed["items"]
    assert (item["id"], item["name"]) == (made["id"], "books")
    assert item["revoked_at"] is None
    assert made["token"] not in json.dumps(listed)
    number = str(made["id"])
    assert menting.asked("revoke", number)["revoked_at"]
    assert "no token" in menting.refused("revoke", number)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--name", "a", "--scope", "people:write"), "scopes"),
        (("--name", "a", "--scope", "people:read", "--days", "366"), "365 days"),
        (("--name", "", "--scope", "people:read"), "characters"),
        (("--name", "a", "--scope", "people:read", "--owner", "no@x.org"), "no@x.org"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_in_one_line(
    menting: Menting, words: tuple[str, ...], told: str
) -> None:
    assert told in menting.refused("create", *words)


def test_wrong_usage_ends_with_two(menting: Menting) -> None:
    assert menting.run("-m", "menting", "token", "create").returncode == 2
