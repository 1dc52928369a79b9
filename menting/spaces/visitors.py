"""Who a visitor is: they sign in, agree to be named in a space's log, or take it back."""

from collections.abc import Iterable

from django.db import transaction

from menting.base import clock, ids
from menting.spaces.models import Space, Visitor
from menting.users.models import User

NAME_LENGTH = 80

#: The page's question "be named in the visit log"; a new text is a new version.
WORDING_VERSION = 1


class BadNameError(Exception):
    """Nobody can be named like this."""


@transaction.atomic
def agree(user: User, space: Space, *, name: str) -> Visitor:
    """Name this person in the space's log from now on; earlier visits stay nameless.

    Raises BadNameError for an empty name.
    """
    name = " ".join(name.split())[:NAME_LENGTH]
    if not any(sign.isprintable() and not sign.isspace() for sign in name):
        raise BadNameError("a name has 1 to 80 characters that can be seen")
    Space.objects.select_for_update().get(pk=space.pk)  # two clicks make one visitor
    visitor, is_new = Visitor.objects.get_or_create(
        space=space,
        user=user,
        withdrawn_at=None,
        defaults={
            "who": ids.random63(),
            "name": name,
            "wording_version": WORDING_VERSION,
            "agreed_at": clock.now(),
        },
    )
    if not is_new and visitor.name != name:
        visitor.name = name
        visitor.save(update_fields=["name"])
    return visitor


@transaction.atomic
def withdraw(user: User, space: Space) -> None:
    """Take the name out of the log: what the store keeps is a number that names nobody.

    Who agrees again gets another number, so that the two are never joined.
    """
    Visitor.objects.filter(space=space, user=user, withdrawn_at=None).update(
        name="", withdrawn_at=clock.now()
    )


def of(user: User, space: Space) -> Visitor | None:
    """Return the visitor that this user agreed to be, if the agreement stands."""
    return Visitor.objects.filter(space=space, user=user, withdrawn_at=None).first()


def names(whos: Iterable[int]) -> dict[int, str]:
    """Return the names of those among `whos` who are named; the others have withdrawn."""
    rows = Visitor.objects.filter(who__in=set(whos), withdrawn_at=None)
    return dict(rows.values_list("who", "name"))
