"""Who holds a row, and who is known to be gone."""

import subprocess
import sys

import pytest

from menting.base import lease


def test_a_live_process_is_not_gone() -> None:
    assert not lease.is_gone(lease.holder_name())


def test_a_process_that_ended_is_gone_at_once() -> None:
    code = "from menting.base import lease; print(lease.holder_name())"
    ended = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert lease.is_gone(ended.stdout.strip())


@pytest.mark.parametrize("holder", ["", "elsewhere:1:ab", "no name", "a:b:c"])
def test_of_others_nothing_is_known(holder: str) -> None:
    assert not lease.is_gone(holder)
