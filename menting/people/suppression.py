"""Addresses that get nothing, known by a keyed hash, so that they outlive an erasure."""

import enum
from datetime import datetime
from functools import cache
from pathlib import Path

from menting.base import config, crypto
from menting.base.folder import Folder
from menting.people.models import Identity, Suppression


class Reason(enum.StrEnum):
    """Why an address gets nothing."""

    ERASED = "erased"  # the person was erased: no import may bring them back


def endpoint(channel: str, scope: str, external_id: str) -> bytes:
    """Return the keyed hash of an address, which only the house's key can make again."""
    return crypto.keyed_hash(
        _key(config.current().data), f"{channel}\n{scope}\n{external_id}"
    )


def suppress(identity: Identity, *, reason: Reason, at: datetime) -> None:
    """Let nothing but answers go to this address from now on."""
    Suppression.objects.update_or_create(
        endpoint=bytes(identity.endpoint),
        defaults={"channel": identity.channel, "reason": reason, "at": at},
    )


def since(address: bytes) -> datetime | None:
    """Return since when the address with this keyed hash gets nothing, or None."""
    rows = Suppression.objects.filter(endpoint=address)
    return rows.values_list("at", flat=True).first()


def lift(identity: Identity, *, subscribed_at: datetime) -> None:
    """End it by the person's own later word; no surface calls this by hand.

    Only a subscription written after the erasure counts, so that an old message that a
    platform tells again brings nobody back.
    """
    Suppression.objects.filter(
        endpoint=bytes(identity.endpoint), at__lt=subscribed_at
    ).delete()


@cache
def _key(root: Path) -> bytes:
    return crypto.derive(Folder(root).key("house"), "suppression")
