"""API tokens: made once, shown once, known again by their hash, revoked for good."""

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest
from django.utils.translation import gettext

from menting.base import clock, pace
from menting.users import audit, guard
from menting.users.guard import Actor
from menting.users.models import Role, Token, User

#: What a token may be allowed, and which acts of `guard` that is.
SCOPES: dict[str, frozenset[str]] = {
    "accounts:read": frozenset({"accounts.read"}),
    "accounts:write": frozenset(
        {"accounts.import", "accounts.signin", "accounts.signout", "accounts.remove"}
    ),
    "people:read": frozenset({"people.read"}),
    "campaigns:read": frozenset({"campaigns.read"}),
    "visits:read": frozenset({"visits.read"}),
    "spaces:read": frozenset({"spaces.read"}),
}
DAYS = 90
MOST_DAYS = 365
MOST_NAME = 60

#: Ten a second in the long run, a hundred at once.
RATE = pace.Rate.per(600, timedelta(minutes=1), burst=100)
#: The last use is written no more often than this.
USE_EVERY = timedelta(minutes=1)

_KIND = "mnt_p_"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM, _CHECK = 30, 6
_SHOWN = len(_KIND) + 4


class BadTokenError(Exception):
    """A token cannot be made so; the message says why and what to do."""


class NoSuchTokenError(Exception):
    """There is no such token, or it was revoked before."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new token; `plain` is shown now and never again."""

    token: Token
    plain: str


@dataclass(frozen=True, slots=True)
class Item:
    """A token as lists show it."""

    id: int
    name: str
    prefix: str
    scopes: list[str]
    owner: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a call may go, how many more may at once, and the seconds until one may."""

    is_free: bool
    left: int
    seconds: int


@transaction.atomic
def make(
    actor: Actor, user: User, *, name: str, scopes: Iterable[str], days: int = DAYS
) -> Made:
    """Make a token that acts for `user`. Raises BadTokenError and guard.NotAllowedError.

    178 random bits need no slow hash (ASVS 5.0, 6.5.2).
    """
    guard.check(actor, "tokens.make")
    wanted, now = sorted(set(scopes)), clock.now()
    _check(name, wanted, days)
    plain = _new()
    token = Token.objects.create(
        user=user,
        name=name,
        prefix=plain[:_SHOWN],
        hash=_hash(plain),
        scopes=wanted,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    detail: dict[str, int | str] = {"scopes": " ".join(wanted), "days": days}
    audit.record(
        actor, "token.make", target=f"token:{token.pk}", detail=detail | {"user": user.pk}
    )
    return Made(token, plain)


@transaction.atomic
def revoke(actor: Actor, token_id: int) -> None:
    """End a token at once. Raises NoSuchTokenError and guard.NotAllowedError."""
    guard.check(actor, "tokens.revoke")
    rows = Token.objects.filter(pk=token_id, revoked_at=None)
    if not rows.update(revoked_at=clock.now()):
        told = gettext("there is no token %(id)s that could be revoked")
        raise NoSuchTokenError(told % {"id": token_id})
    audit.record(actor, "token.revoke", target=f"token:{token_id}")


def items() -> list[Item]:
    """Return all tokens, those in force first, then the newest."""
    rows = Token.objects.select_related("user").order_by("-pk")
    return sorted((_item(row) for row in rows), key=lambda item: not is_good(item))


def is_good(token: Item | Token) -> bool:
    """Say whether a token has neither been revoked nor expired."""
    return token.revoked_at is None and token.expires_at > clock.now()


def find(plain: str) -> Token | None:
    """Return the token in force that reads so, whose user still works here."""
    if not _is_whole(plain):
        return None
    digest = _hash(plain)
    # The index is asked for a hash: what its timing tells says nothing of a token.
    token = Token.objects.filter(hash=digest).select_related("user").first()
    if token is None or not hmac.compare_digest(bytes(token.hash), digest):
        return None
    works = token.user.is_active and token.user.role != Role.NONE
    return token if works and is_good(token) else None


def actor_of(token: Token) -> Actor:
    """Return the actor: the user's role of now, within the scopes of the token."""
    acts = [SCOPES[scope] for scope in token.scopes if scope in SCOPES]
    return Actor(
        kind="token",
        name=token.name,
        role=Role(token.user.role),
        acts=frozenset().union(*acts),
    )


def take(token: Token) -> Allowance:
    """Spend one call of the token's rate in one statement, and note its use."""
    now = clock.now()
    here = clock.micros(now)
    spent = Token.objects.filter(
        pk=token.pk, tat__lte=here + (RATE.burst - 1) * RATE.interval
    ).update(
        tat=Greatest(F("tat"), Value(here)) + RATE.interval,
        last_used_at=Case(
            When(_is_used_long_ago(now), then=Value(now)), default=F("last_used_at")
        ),
    )
    tat = Token.objects.values_list("tat", flat=True).get(pk=token.pk)
    left = pace.headroom(RATE, tat, now, wanted=RATE.burst)
    wait = tat - here - (RATE.burst - 1) * RATE.interval
    return Allowance(bool(spent), left, max(1, -(-wait // 1_000_000)))


def _check(name: str, scopes: Sequence[str], days: int) -> None:
    if not name.strip() or not name.isprintable() or len(name) > MOST_NAME:
        told = gettext("Name the token by what uses it, in 1 to %(most)d characters.")
        raise BadTokenError(told % {"most": MOST_NAME})
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        told = gettext("Give at least one of these scopes: %(known)s.")
        raise BadTokenError(told % {"known": ", ".join(SCOPES)})
    if not 1 <= days <= MOST_DAYS:
        told = gettext("A token lasts from 1 to %(most)d days.") % {"most": MOST_DAYS}
        raise BadTokenError(told)
    if Token.objects.filter(name=name).exists():
        told = gettext("There is or was a token of this name; take another.")
        raise BadTokenError(told)


def _new() -> str:
    body = _KIND + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
    return body + _checksum(body)


def _checksum(body: str) -> str:
    """Return CRC-32 in six letters, as GitHub's tokens have it, for scanners."""
    number, said = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, rest = divmod(number, len(_LETTERS))
        said = _LETTERS[rest] + said
    return said


def _is_whole(plain: str) -> bool:
    is_plain = plain.isascii() and len(plain) == len(_KIND) + _RANDOM + _CHECK
    return is_plain and plain[-_CHECK:] == _checksum(plain[:-_CHECK])


def _hash(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()


def _is_used_long_ago(now: datetime) -> Q:
    return Q(last_used_at=None) | Q(last_used_at__lt=now - USE_EVERY)


def _item(row: Token) -> Item:
    return Item(
        id=row.pk,
        name=row.name,
        prefix=row.prefix,
        scopes=list(row.scopes),
        owner=str(row.user),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
