"""Which refusal of a part is which problem; what is unforeseen is logged and a 500."""

from collections.abc import Iterator

import structlog
from django.core.exceptions import DisallowedHost, ObjectDoesNotExist, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from ninja.errors import HttpError, ValidationError

from menting.accounts import read as accounts_read
from menting.accounts.change import AlreadyThereError
from menting.accounts.lines import BadLineError
from menting.accounts.roster import RosterError
from menting.accounts.signin import UnknownAccountError
from menting.accounts.vault import KeyMissingError
from menting.api.problem import Fault, Problem
from menting.base.crypto import CannotOpenError
from menting.people import read as people_read
from menting.people.erase import NoSuchPersonError
from menting.people.segments import SegmentError
from menting.spaces.seen import NoSuchSpaceError
from menting.users.answers import LostClaimError, OtherRequestError, RunningError
from menting.users.guard import NotAllowedError
from menting.visits import read as visits_read
from menting.visits.grain import TooFineError
from menting.visits.store.base import StoreError

log = structlog.get_logger(__name__)

_SOON = {"Retry-After": "1"}

#: Their messages are made for people and hold no secret: they are the detail.
_TOLD: dict[type[Exception], str] = {
    SegmentError: "invalid",
    RosterError: "invalid",
    BadLineError: "invalid",
    TooFineError: "invalid",
    AlreadyThereError: "already-there",
}
_CURSOR = ("bad-cursor", "Ask again without a cursor.")
_NONE = ("not-found", "There is none with this id or name.")
_RUNNING = ("still-running", "Ask again in a moment.")
_LATER = ("unavailable", "Try again later; the log says why.")
_KNOWN: dict[type[Exception], tuple[str, str]] = {
    Http404: _NONE,
    NoSuchPersonError: _NONE,
    NoSuchSpaceError: _NONE,
    ObjectDoesNotExist: _NONE,
    UnknownAccountError: _NONE,
    NotAllowedError: ("not-allowed", "The role of who made this token ends before that."),
    accounts_read.BadCursorError: _CURSOR,
    people_read.BadCursorError: _CURSOR,
    visits_read.BadCursorError: _CURSOR,
    LostClaimError: _RUNNING,
    RunningError: _RUNNING,
    OtherRequestError: ("key-reused", "Take a new key for another request."),
    DisallowedHost: ("bad-request", "This installation has another host name."),
    RequestDataTooBig: ("too-large", "Divide it."),
    HttpError: ("bad-request", "The body is no JSON that can be read."),
    # A newer program's store, a lost key, a database held for too long.
    CannotOpenError: _LATER,
    KeyMissingError: _LATER,
    OperationalError: _LATER,
    StoreError: _LATER,
}


def of(error: Exception) -> Problem:
    """Return the problem that an error is to the caller."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        faults = tuple(_faults(error))
        return Problem("invalid", "See `errors` for each field.", errors=faults)
    for kind in type(error).__mro__:
        if kind in _TOLD:
            return Problem(_TOLD[kind], str(error))
        if kind in _KNOWN:
            return _known(error, *_KNOWN[kind])
    log.error("an API call failed", exc_info=error)
    return Problem("internal", "The error is in the log of this installation.")


def _known(error: Exception, kind: str, detail: str) -> Problem:
    if kind == "unavailable":
        log.error("an API call could not be answered", exc_info=error)
    is_passing = kind in ("unavailable", "still-running")
    return Problem(kind, detail, headers=_SOON if is_passing else {})


def _faults(error: ValidationError) -> Iterator[Fault]:
    for item in error.errors:
        where, *names = (str(part) for part in item["loc"])
        # The first name of a body is the parameter of our function, not of the caller.
        shown = names[1:] if where == "body" else names
        yield Fault(where, ".".join(name[:80] for name in shown), str(item["msg"])[:300])
