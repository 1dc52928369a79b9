"""The signed time stamp of the guestbook's form: when it was given out, and by us."""

from datetime import datetime

from django.core.signing import BadSignature, Signer

from menting.base import clock
from menting.spaces.models import Space


def give(space: Space) -> str:
    """Return the stamp of a form given out now for this space."""
    return _signer(space).sign(str(clock.millis(clock.now())))


def opened_at(space: Space, stamp: str) -> datetime | None:
    """Return when the form was given out; None if the stamp is not ours for this space."""
    try:
        return clock.from_millis(int(_signer(space).unsign(stamp)))
    except BadSignature:
        return None


def _signer(space: Space) -> Signer:
    return Signer(salt=f"menting.guestbook:{space.pk}")
