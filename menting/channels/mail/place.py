"""Where in a mailbox the reading stands: the resume token."""

from datetime import UTC, datetime, timedelta

import msgspec

from menting.base import clock
from menting.channels.mail.mailbox import Mailbox

#: What came so shortly before a first sign-in is read: somebody waits for an answer. All
#: older mail is not: a mailbox may hold ten years of it.
FRESH = timedelta(hours=1)


class Place(msgspec.Struct, frozen=True):
    """The last mail read: its number, which counts within one UIDVALIDITY, and its time."""

    validity: int
    uid: int
    at: int


def find(mailbox: Mailbox, resume: bytes) -> Place:
    """Return where to go on; raises Unreachable.

    When the server numbered its mails anew (RFC 3501, 2.3.1.1), what came since the last
    mail read is read once more: the same mail has the same id.
    """
    standing = mailbox.look()
    place = _stored(resume)
    if place is not None and place.validity == standing.validity:
        return place
    since = clock.now() - FRESH
    if place is not None:
        since = min(since, datetime.fromtimestamp(place.at, UTC) - FRESH)
    fresh = mailbox.since(since)
    first = fresh[0] if fresh else standing.next_uid
    return Place(standing.validity, first - 1, int(clock.now().timestamp()))


def token(place: Place) -> bytes:
    """Return the place as the session's resume token."""
    return msgspec.json.encode(place)


def _stored(resume: bytes) -> Place | None:
    if not resume:
        return None
    return msgspec.json.decode(resume, type=Place)
