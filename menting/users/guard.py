"""Who may do what: one table, asked by every page, call and command."""

import getpass
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from menting.users.models import Role, User

_OWNER = frozenset({Role.OWNER})
_BOTH = frozenset({Role.OWNER, Role.MANAGER})

#: act -> roles; an act that is not here is allowed to nobody.
ACTS: dict[str, frozenset[Role]] = {
    "house.change": _OWNER,
    "house.go_on": _OWNER,
    "users.invite": _OWNER,
    "users.read": _OWNER,
    "audit.read": _OWNER,
    "tokens.read": _OWNER,
    "tokens.make": _OWNER,
    "tokens.revoke": _OWNER,
    "backup.make": _OWNER,
    "backup.restore": _OWNER,
    "accounts.read": _BOTH,
    "accounts.import": _BOTH,
    "accounts.export": _BOTH,
    "accounts.invite": _BOTH,
    "vault.rotate": _OWNER,
    "accounts.signin": _BOTH,
    "accounts.signout": _BOTH,
    "accounts.remove": _BOTH,
    "people.read": _BOTH,
    "people.reply": _BOTH,
    "people.export": _BOTH,
    "people.erase": _OWNER,
    "campaigns.read": _BOTH,
    "campaigns.write": _BOTH,
    "campaigns.plan": _BOTH,
    "campaigns.approve": _BOTH,
    "campaigns.start": _BOTH,
    "campaigns.pause": _BOTH,
    "campaigns.resolve": _BOTH,
    "visits.read": _BOTH,
    "visits.import": _BOTH,
    "visits.erase": _OWNER,
    "spaces.read": _BOTH,
    "spaces.write": _BOTH,
}


class NotAllowedError(Exception):
    """The role, or the scope of a token, does not allow the act."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: an operator, a token, the folder's holder at a shell, the program."""

    kind: Literal["user", "token", "cli", "system"]
    name: str
    role: Role
    #: A token does only what its scopes say; None: all that the role allows.
    acts: frozenset[str] | None = None

    @override
    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


#: The program itself, in chores that no operator asked for.
SYSTEM = Actor(kind="system", name="menting", role=Role.OWNER)


def of_user(user: User) -> Actor:
    """Return the actor behind a signed-in user."""
    role = Role(user.role) if user.is_active else Role.NONE
    return Actor(kind="user", name=str(user.pk), role=role)


def at_shell() -> Actor:
    """Return the actor of a command: whoever can read the folder has its owner's rights."""
    return Actor(kind="cli", name=getpass.getuser(), role=Role.OWNER)


def may(actor: Actor, act: str) -> bool:
    """Say whether the role allows the act, and a token's scopes as well."""
    if actor.acts is not None and act not in actor.acts:
        return False
    return actor.role in ACTS.get(act, frozenset())


def check(actor: Actor, act: str) -> None:
    """Raise NotAllowedError unless the role allows the act."""
    if not may(actor, act):
        raise NotAllowedError(f"{actor} has no right to {act}")
