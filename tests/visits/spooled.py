"""What lies in a spool, for tests to look at."""

from pathlib import Path

from menting.visits import files, segment, visit
from menting.visits.spool import Segment
from menting.visits.visit import Visit


def records(folder: Path) -> list[bytes]:
    """Return every whole record of a spool, also of a segment that is being written."""
    return [
        record
        for path in files.listed(folder)
        for record in segment.read(whole(path), start=0, limit=1 << 30).records
    ]


def visits(folder: Path) -> list[Visit]:
    """Return every whole visit."""
    return [visit.decode(record) for record in records(folder)]


def whole(path: Path) -> Segment:
    """Return a segment file as one of an earlier life."""
    return Segment(path, None, is_open=False)
