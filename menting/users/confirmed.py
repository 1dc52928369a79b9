"""Acts that a stolen session must not do: the person proves again who they are."""

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from django.http import HttpResponse

View = Callable[..., HttpResponse]


def confirmed(view: View) -> View:
    """Ask for password, code or passkey before `view`, unless that was just done.

    Who has none of them, and signs in by links alone, is not asked (ASVS 5.0, 7.5.1).
    """
    asked: View = reauthentication_required(view)
    return asked
