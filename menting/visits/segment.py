"""Reading a segment: whole records from an offset on, up to what is surely on disk."""

import zlib
from dataclasses import dataclass

from menting.visits.spool import FRAME, Segment

#: Read at once; 4 MB are some 60,000 visits.
BLOCK_BYTES = 4 * 1024 * 1024
#: No record is longer; a greater length is torn or zeroed bytes.
RECORD_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records in order, and the offset behind the last of them."""

    records: list[bytes]
    upto: int
    #: Bytes of a torn tail behind `upto` that will never become records.
    torn: int = 0


def read(segment: Segment, *, start: int, limit: int) -> Chunk:
    """Return up to `limit` records from offset `start` on.

    Stops at the synced end while the segment is being written; in one of an earlier life
    at the first frame that is not whole, and says how many bytes lie behind it.
    """
    size = segment.path.stat().st_size if segment.end is None else segment.end
    records: list[bytes] = []
    at = start
    with segment.path.open("rb") as file:
        while len(records) < limit and at < size:
            file.seek(at)
            block = file.read(min(BLOCK_BYTES, size - at))
            taken = _frames(block, records, limit)
            if taken == 0:
                return Chunk(records, at, torn=size - at)
            at += taken
    return Chunk(records, at)


def _frames(block: bytes, records: list[bytes], limit: int) -> int:
    """Append the whole records of `block`; return the bytes that they take."""
    at, head, size = 0, FRAME.size, len(block)
    while len(records) < limit and at + head <= size:
        length, crc = FRAME.unpack_from(block, at)
        end = at + head + length
        # Zeroed tails have length 0, which no record has.
        if not 0 < length <= RECORD_MAX or end > size:
            break
        record = block[at + head : end]
        if zlib.crc32(record) != crc:
            break
        records.append(record)
        at = end
    return at
