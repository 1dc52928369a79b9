"""Keys for programs that use the API: made, shown once, revoked."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext, gettext_lazy, ngettext

from menting.console.page import OperatorRequest, after, done, refused, show, shown
from menting.users import tokens
from menting.users.confirmed import confirmed

_SCOPES = {
    "accounts:read": gettext_lazy("Read accounts and their state"),
    "accounts:write": gettext_lazy("Import, sign in, sign out and remove accounts"),
    "people:read": gettext_lazy("Read people and their consents"),
    "campaigns:read": gettext_lazy("Read campaigns and deliveries"),
    "visits:read": gettext_lazy("Read visits"),
    "spaces:read": gettext_lazy("Read the list of spaces"),
}
_DAYS = (30, tokens.DAYS, tokens.MOST_DAYS)


def _lasting() -> list[tuple[int, str]]:
    return [(n, ngettext("%(n)d day", "%(n)d days", n) % {"n": n}) for n in _DAYS]


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=tokens.MOST_NAME,
        help_text=gettext_lazy("What will use it; the audit log names it so."),
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Lasts"), coerce=int, choices=_lasting, initial=tokens.DAYS
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=list(_SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )


@shown("tokens.read")
def token_list(request: OperatorRequest) -> HttpResponse:
    """Show the tokens and the form of a new one."""
    return _page(request, TokenForm())


@done("tokens.make")
@confirmed
def create(request: OperatorRequest) -> HttpResponse:
    """Make a token and show it this once, on the answer itself."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        made = tokens.make(request.actor, request.user, **form.cleaned_data)
    except tokens.BadTokenError as error:
        form.add_error("name", str(error))
        return _page(request, form, status=422)
    return _page(request, TokenForm(), made=made)


@done("tokens.revoke")
def revoke(request: OperatorRequest, pk: int) -> HttpResponse:
    """End a token at once."""
    try:
        tokens.revoke(request.actor, pk)
    except tokens.NoSuchTokenError as error:
        return refused(request, error, "console:tokens")
    said = gettext("The token is revoked; calls with it are refused from now on.")
    return after(request, said, "console:tokens")


def _page(request: OperatorRequest, form: TokenForm, **more: Any) -> HttpResponse:
    status = more.pop("status", 200)
    rows = [(token, tokens.is_good(token)) for token in tokens.items()]
    context = {"form": form, "tokens": rows, **more}
    return show(request, "tokens.html", context, status=status)
