"""What lies in a spool, for tests to look at."""

from pathlib import Path

from menting.visits import segment, visit
from menting.visits.spool import Segment, left_behind
from menting.visits.visit import Visit


def records(folder: Path) -> list[bytes]:
    """Return every whole record of a spool that nobody writes to."""
    return [
        record
        for each in left_behind(folder)
        for record in segment.read(each, start=0, limit=1 << 30).records
    ]


def visits(folder: Path) -> list[Visit]:
    """Return every whole visit."""
    return [visit.decode(record) for record in records(folder)]


def whole(path: Path) -> Segment:
    """Return a segment file as one of an earlier life."""
    return Segment(path, None, is_open=False)
