"""The guestbook: somebody signs; the owner decides, invites, and takes that back."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.utils.translation import gettext

from menting.accounts.models import Account
from menting.base import clock, ids
from menting.spaces import rules, space, throttle
from menting.spaces.models import GuestbookEntry, Invitation, Space
from menting.users import audit, guard
from menting.users.guard import Actor

log = structlog.get_logger(__name__)

NAME_LENGTH = 80
TEXT_LENGTH = 2000
NOTE_LENGTH = 120
#: 16 of 31 characters, 79 bits: an invitation is not guessed.
CODE_LENGTH = 16


class BadEntryError(Exception):
    """An entry has no name or text, or too much of it."""


class NotInvitedError(Exception):
    """The invitation does not exist or was taken back."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the guestbook's form brought."""

    name: str
    text: str
    code: str = ""
    honeypot: str = ""
    opened_at: datetime | None = None


@transaction.atomic
def sign(to: Space, form: Form, *, address: str) -> GuestbookEntry | None:
    """Take an entry: shown at once if invited, else it waits; refused ones are only kept.

    Returns None where the network has written too often. The page says "thank you" to all
    alike, so that nobody can try the rules out. Raises BadEntryError.
    """
    name, text = _words(form.name, form.text)
    if not throttle.take(to.pk, address):
        log.info("a guestbook entry came too soon", space=to.pk)
        return None
    invitation = _standing(to, form.code)
    now = clock.now()
    verdict = rules.judge(
        rules.Attempt(
            text=f"{name} {text}",
            honeypot=form.honeypot,
            opened_at=form.opened_at,
            sent_at=now,
            is_invited=invitation is not None,
        )
    )
    return _write(
        GuestbookEntry(
            space=to, name=name, text=text, invitation=invitation, state=verdict.state,
            reason=verdict.reason, at=now,
        )
    )  # fmt: skip


@transaction.atomic
def sign_invited(*, invitation_id: int, account_id: int, text: str) -> GuestbookEntry:
    """Write an entry of one of the house's own accounts where its owner invited it.

    Raises NotInvitedError and BadEntryError.
    """
    invitation = Invitation.objects.filter(pk=invitation_id, revoked_at=None).first()
    if invitation is None:
        # Not translated: it is kept as the posting's reason, which every operator reads.
        raise NotInvitedError(f"invitation {invitation_id} was taken back or never given")
    account = Account.objects.get(pk=account_id)
    name, text = _words((account.name or account.handle)[:NAME_LENGTH], text)
    return _write(
        GuestbookEntry(
            space_id=invitation.space_id, name=name, text=text, account=account,
            invitation=invitation, state=GuestbookEntry.State.APPROVED, reason="invited",
            at=clock.now(),
        )
    )  # fmt: skip


@transaction.atomic
def decide(actor: Actor, entry_id: int, approve: bool) -> GuestbookEntry:
    """Show an entry or not; the owner can change their mind either way.

    Raises GuestbookEntry.DoesNotExist.
    """
    guard.check(actor, "spaces.write")
    entry = GuestbookEntry.objects.select_for_update().get(pk=entry_id)
    states = GuestbookEntry.State
    entry.state = states.APPROVED if approve else states.REFUSED
    entry.reason, entry.decided_at = "the owner", clock.now()
    entry.save(update_fields=["state", "reason", "decided_at"])
    space.changed(entry.space_id)
    act = "entry.approve" if approve else "entry.refuse"
    audit.record(actor, act, target=f"entry:{entry.pk}")
    return entry


@transaction.atomic
def invite(actor: Actor, to: Space, note: str = "") -> Invitation:
    """Let whoever holds the code sign without waiting, until it is taken back."""
    guard.check(actor, "spaces.write")
    invitation = Invitation.objects.create(
        space=to,
        code=ids.code(CODE_LENGTH),
        note=note.strip()[:NOTE_LENGTH],
        issued_by_id=int(actor.name) if actor.kind == "user" else None,
        issued_at=clock.now(),
    )
    audit.record(actor, "invitation.issue", target=f"invitation:{invitation.pk}")
    return invitation


@transaction.atomic
def revoke(actor: Actor, invitation_id: int) -> None:
    """Take an invitation back; what was written under it stays. Raises NotInvitedError."""
    guard.check(actor, "spaces.write")
    standing = Invitation.objects.filter(pk=invitation_id, revoked_at=None)
    if not standing.update(revoked_at=clock.now()):
        told = gettext("invitation %(id)d was taken back or never given")
        raise NotInvitedError(told % {"id": invitation_id})
    audit.record(actor, "invitation.revoke", target=f"invitation:{invitation_id}")


def _words(name: str, text: str) -> tuple[str, str]:
    name, text = " ".join(name.split()), text.replace("\r\n", "\n").strip()
    if len(name) > NAME_LENGTH or not _can_be_seen(name):
        raise BadEntryError(f"a name has 1 to {NAME_LENGTH} characters that can be seen")
    if len(text) > TEXT_LENGTH or not _can_be_seen(text):
        raise BadEntryError(f"an entry has 1 to {TEXT_LENGTH} characters that can be seen")
    return name, text


def _can_be_seen(words: str) -> bool:
    return "\0" not in words and any(c.isprintable() and not c.isspace() for c in words)


def _standing(to: Space, code: str) -> Invitation | None:
    if not code:
        return None
    return Invitation.objects.filter(space=to, code=code, revoked_at=None).first()


def _write(entry: GuestbookEntry) -> GuestbookEntry:
    entry.save(force_insert=True)
    if entry.state == GuestbookEntry.State.APPROVED:
        space.changed(entry.space_id)
    return entry
