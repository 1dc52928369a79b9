"""What tests of campaigns share."""

from collections.abc import Iterator

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Tell refusals in English, as commands do."""
    with translation.override("en"):
        yield
