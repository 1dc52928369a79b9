"""What the server's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from menting.visits.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    (tmp_path / "spool").mkdir()
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()
