"""What a test does when something of the machine is missing."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, and say why; under CI fail, since there everything must have been set up."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(what)
