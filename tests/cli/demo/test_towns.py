"""Accounts and people are shared out among channels; wrong wishes are told at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from menting.cli.demo.towns import plan
from menting.cli.demo.towns.plan import PlanError
from menting.cli.main import app


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("matrix", ["matrix"]),
        ("mail, xmpp", ["mail", "xmpp"]),
        ("xmpp,xmpp,matrix", ["xmpp", "matrix"]),
    ],
)
def test_channels_are_taken_in_the_order_they_are_named(
    written: str, named: list[str]
) -> None:
    assert plan.channels(written) == named


@pytest.mark.parametrize("written", ["", "matrix,", "qq", "Matrix", "matrix;mail"])
def test_an_unknown_channel_is_told_with_those_there_are(written: str) -> None:
    with pytest.raises(PlanError, match="matrix, xmpp, mail"):
        plan.channels(written)


def test_a_channel_with_nobody_or_too_many_is_refused() -> None:
    plan.check(["matrix", "mail"], accounts=2, people=2)
    for accounts, people in ((1, 9), (9, 1), (900, 1000)):
        with pytest.raises(PlanError):
            plan.check(["matrix", "mail"], accounts=accounts, people=people)
    plan.check(["matrix"], accounts=5000, people=20000)


@given(
    kinds=st.permutations(["matrix", "xmpp", "mail"]),
    accounts=st.integers(3, 40),
    people=st.integers(3, 40),
)
def test_everybody_lives_in_exactly_one_town(
    kinds: list[str], accounts: int, people: int
) -> None:
    homes = plan.shared(kinds, accounts=accounts, people=people, seed=1)
    assert list(homes) == kinds
    for turn, size in ((0, accounts), (1, people)):
        numbers = [one.number for home in homes.values() for one in home[turn]]
        assert sorted(numbers) == list(range(1, size + 1))
        parts = [len(home[turn]) for home in homes.values()]
        assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("--channels", "qq"),
        ("--channels", "matrix,mail", "--accounts", "1"),
        ("--channels", "mail", "--people", "2000"),
    ],
)
def test_wrong_usage_ends_with_status_2(wrong: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["demo", *wrong])
    assert done.exit_code == 2
    assert "--help" in done.output


def test_a_missing_server_is_told_in_one_line_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(app, ["demo", "--channels", "xmpp"])
    assert done.exit_code == 1
    told = [line for line in done.stderr.splitlines() if not line.startswith("Seed")]
    assert told == ["no Prosody here: apt-get install prosody"]
