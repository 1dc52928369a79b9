"""Read what imaplib makes of an answer to FETCH."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_UID = re.compile(rb"\bUID (\d+)")
_REST_OF_A_SECOND = timedelta(microseconds=999_999)
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')


@dataclass(frozen=True, slots=True)
class Raw:
    """A mail as it lies there, with the time at which the server got it."""

    uid: int
    at: datetime
    content: bytes


def rows(told: Sequence[object]) -> Iterator[Raw]:
    """Return the mails in an answer: a tuple for each literal, bytes for what follows."""
    for index, row in enumerate(told):
        following = told[index + 1] if index + 1 < len(told) else b""
        if isinstance(row, tuple):
            about, content = bytes(row[0]), bytes(row[1])
            about += following if isinstance(following, bytes) else b""
        elif isinstance(row, bytes) and not _is_rest(told, index):
            about, content = row, b""
        else:
            continue
        uid, date = _UID.search(about), _DATE.search(about)
        if uid is not None:
            yield Raw(int(uid[1]), _time(date[1] if date else b""), content)


def _is_rest(told: Sequence[object], index: int) -> bool:
    return index > 0 and isinstance(told[index - 1], tuple)


def _time(date: bytes) -> datetime:
    """Return an INTERNALDATE; one without form is as old as can be."""
    with contextlib.suppress(ValueError, TypeError):
        words = date.decode("ascii", "replace").strip().replace("-", " ", 2)
        # Whole seconds, taken as their end: a prompt answer is not older than its question.
        return parsedate_to_datetime(words).astimezone(UTC) + _REST_OF_A_SECOND
    return datetime.fromtimestamp(0, UTC)
