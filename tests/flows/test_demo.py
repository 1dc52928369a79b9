"""The whole main job: what the product says, held against what people received."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from menting.cli.demo.homeserver import HomeserverError, find_synapse
from tests.missing import missing

pytestmark = pytest.mark.homeserver


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Run the demo once, at a size of its own, and return its last line."""
    try:
        find_synapse()
    except HomeserverError as error:
        missing(str(error))
    command = [sys.executable, "-m", "menting", "demo", "--accounts", "7", "--people", "23"]
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(  # noqa: S603
        [*command, "--exit", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_account_signs_in_and_every_person_becomes_a_contact(
    told: dict[str, Any],
) -> None:
    assert told["accounts"]["live"] == told["accounts"]["asked"] == 7
    assert told["people"]["contacts"] == told["people"]["wrote"] == 23


def test_those_who_agreed_received_it_once_and_nobody_else_anything(
    told: dict[str, Any],
) -> None:
    campaign = told["campaign"]
    assert campaign["received_once"] == campaign["accepted"] > 0
    assert campaign["accepted"] == campaign["planned"] - campaign["skipped"]
    assert campaign["skipped"] > 0
    assert campaign["received_twice"] == campaign["received_unasked"] == 0
    assert campaign["unknown"] == campaign["rejected"] == 0


def test_the_wall_and_the_guestbooks_that_invited_us_were_written_to_once(
    told: dict[str, Any],
) -> None:
    assert told["wall"] == {"posts": 1, "guestbook_entries": 3}


def test_every_visit_was_kept_and_2011_can_be_opened(told: dict[str, Any]) -> None:
    visits = told["visits"]
    assert visits["kept"] == visits["sent"] == 2000
    assert visits["imported"] == 50_000
    assert visits["oldest"] == "2011-03-02"
    assert visits["month_ms"] > 0
