"""The whole main job: what the product says, held against what people received."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from menting.cli.demo.homeserver import find_synapse
from menting.cli.demo.mailhost import find_servers
from menting.cli.demo.prosody import find_prosody
from menting.cli.demo.towns.plan import ServerErrors
from tests.missing import missing

pytestmark = pytest.mark.homeserver
EVERY_CHANNEL = "matrix,xmpp,mail"


def _demo(*args: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "menting", "demo", *args],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _told(*args: str, needs: list[Callable[[], object]]) -> dict[str, Any]:
    """Run the demo once and return its last line."""
    try:
        for find in needs:
            find()
    except ServerErrors as error:
        missing(str(error))
    done = _demo(*args, "--exit", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def on_matrix() -> dict[str, Any]:
    """Run the demo as it is without further words, at a size of its own."""
    return _told("--accounts", "7", "--people", "23", needs=[find_synapse])


@pytest.fixture(scope="module")
def everywhere() -> dict[str, Any]:
    """Run the demo over all servers at once."""
    size = ("--accounts", "9", "--people", "24")
    needs = [find_synapse, find_prosody, find_servers]
    return _told(*size, "--channels", EVERY_CHANNEL, needs=needs)


@pytest.fixture(params=["on_matrix", "everywhere"])
def told(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give what each of the runs said."""
    answer: dict[str, Any] = request.getfixturevalue(request.param)
    return answer


def test_every_account_signs_in_and_every_person_becomes_a_contact(
    told: dict[str, Any],
) -> None:
    accounts, people = told["accounts"], told["people"]
    assert (accounts["asked"], people["wrote"]) in ((7, 23), (9, 24))
    assert accounts["live"] == accounts["asked"]
    assert people["contacts"] == people["wrote"]


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
    # Matrix and XMPP have a wall each, mail has none.
    walls = 2 if "channels" in told else 1
    assert told["wall"] == {"posts": walls, "guestbook_entries": 3}


def test_every_visit_was_kept_and_2011_can_be_opened(told: dict[str, Any]) -> None:
    visits = told["visits"]
    assert visits["kept"] == visits["sent"] == 2000
    assert visits["imported"] == 50_000
    assert visits["oldest"] == "2011-03-02"
    assert visits["month_ms"] > 0


def test_what_was_counted_by_channel_adds_up(everywhere: dict[str, Any]) -> None:
    channels, campaign = everywhere["channels"], everywhere["campaign"]
    assert list(channels) == EVERY_CHANNEL.split(",")
    for counted in channels.values():
        assert counted["live"] == counted["asked"] == 3
        assert (counted["wrote"], counted["agreed"]) == (8, 5)
        assert counted["received_once"] == counted["accepted"] > 0
        assert counted["received_twice"] == counted["received_unasked"] == 0
    for key in ("accepted", "received_once"):
        assert sum(counted[key] for counted in channels.values()) == campaign[key]


def test_channels_are_spoken_of_only_to_those_who_ask(on_matrix: dict[str, Any]) -> None:
    parts = ["accounts", "people", "campaign", "wall", "visits"]
    assert list(on_matrix) == parts
