"""The collector leaves alone what was there before, and still finds rings of garbage."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from menting.base import collector


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_loaded_is_left_alone_and_new_rings_are_found() -> None:
    kept, looks = Ring(), gc.get_threshold()[1:]
    there = weakref.ref(kept)
    collector.spare()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == (collector.NEW_OBJECTS, *looks)
    gone = weakref.ref(Ring())
    assert gone() is not None
    assert gc.collect() > 0
    assert gone() is None
    assert there() is kept
