"""Answers kept by Idempotency-Key, so that a call made twice is done once.

After draft-ietf-httpapi-idempotency-key-header-07: the same key and request give the same
answer for a day; the same key with another request is refused.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from menting.base import clock, config, crypto
from menting.base.folder import Folder
from menting.users.models import KeptAnswer, Token

KEPT = timedelta(hours=24)
#: A call that runs longer has died with its program: the longest, a roster, takes one.
LONGEST = timedelta(minutes=5)


class RunningError(Exception):
    """A call with this key runs now."""


class OtherRequestError(Exception):
    """The key was used with another request."""


class LostClaimError(Exception):
    """Another call took the key over meanwhile: what this one did must be rolled back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run the call of a key."""

    id: int
    fence: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; it never holds a secret."""

    status: int
    body: str
    headers: dict[str, str]


def hash_of(method: str, address: str, body: bytes) -> bytes:
    """Return a keyed hash of a request: its body may hold a password of few bits."""
    key = crypto.derive(Folder(config.current().data).key("house"), "idempotency")
    mac = hmac.new(key, f"{method} {address}\n".encode(), hashlib.sha256)
    mac.update(body)
    return mac.digest()


def claim(token: Token, key: str, *, request_hash: bytes) -> Claim | Answer:
    """Return the right to run the call, or what it was answered before.

    Raises RunningError and OtherRequestError.
    """
    now = clock.now()
    rows = KeptAnswer.objects.filter(token=token, key=key)
    rows.filter(claimed_at__lte=now - KEPT).delete()
    try:
        with transaction.atomic():
            made = rows.create(
                token=token, key=key, request_hash=request_hash, claimed_at=now
            )
            return Claim(made.pk, made.fence)
    except IntegrityError:
        return _known(rows.first(), request_hash, now)


def keep(held: Claim, answer: Answer) -> None:
    """Keep the answer, in the transaction of the act. Raises LostClaimError."""
    rows = KeptAnswer.objects.filter(pk=held.id, fence=held.fence, status=None)
    if not rows.update(
        status=answer.status, body=answer.body, headers=dict(answer.headers)
    ):
        raise LostClaimError("another call with this key took over")


def give_up(held: Claim) -> None:
    """Forget a call that failed on our side, so that it may be made again."""
    KeptAnswer.objects.filter(pk=held.id, fence=held.fence, status=None).delete()


def forget_old() -> None:
    """Delete the answers that are older than a day."""
    KeptAnswer.objects.filter(claimed_at__lte=clock.now() - KEPT).delete()


def _known(row: KeptAnswer | None, request_hash: bytes, now: datetime) -> Claim | Answer:
    if row is None:  # the other call has given up this moment
        raise RunningError("a call with this key runs now")
    if not hmac.compare_digest(bytes(row.request_hash), request_hash):
        raise OtherRequestError("this key was used with another request")
    if row.status is not None:
        return Answer(row.status, row.body, dict(row.headers))
    return _taken_over(row, now)


def _taken_over(row: KeptAnswer, now: datetime) -> Claim:
    """Take the key of a call that died; of two that try, one wins. Raises RunningError."""
    rows = KeptAnswer.objects.filter(pk=row.pk, fence=row.fence, status=None)
    if not rows.filter(claimed_at__lte=now - LONGEST).update(
        fence=F("fence") + 1, claimed_at=now
    ):
        raise RunningError("a call with this key runs now")
    return Claim(row.pk, row.fence + 1)
