"""One account: how it stands, a new secret for it, and links that lead to it."""

import asyncio
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, gettext_lazy

from menting.accounts import lines, vault
from menting.accounts import secret as secrets
from menting.accounts.models import Account
from menting.accounts.signin import UnknownAccountError
from menting.base import crypto
from menting.channels import registry
from menting.channels.base import Cap, ChannelError
from menting.console.page import OperatorRequest, after, done, refused, show, shown
from menting.people.models import Conversation
from menting.workers import invitation

#: What a session could do, as people say it.
_CAN = {
    "profile": gettext_lazy("know names"),
    "text": gettext_lazy("chat"),
    "wall": gettext_lazy("post on a wall"),
    "image": gettext_lazy("send pictures"),
    "button": gettext_lazy("send link buttons"),
    "follow": gettext_lazy("hear who follows"),
    "join": gettext_lazy("hear who joins"),
    "invite": gettext_lazy("make landing links"),
}
_UNSEEN = {"class": "unseen", "autocomplete": "off", "spellcheck": "false"}
_NO_LINK = (UnknownAccountError, crypto.CannotOpenError, vault.KeyMissingError)


class SecretForm(forms.Form):
    """The secrets of one account, each empty until somebody types a new one."""

    def __init__(self, account: Account, said: Any = None) -> None:
        super().__init__(said, prefix="secret")
        for column in secrets.asked(account):
            self.fields[column.name] = forms.CharField(
                label=column.name,
                help_text=column.description,
                required=False,
                max_length=10_000,
                # No password field: a browser would offer to keep what is typed.
                widget=forms.TextInput(attrs=_UNSEEN),
            )


class InviteForm(forms.Form):
    """What a landing link brings back."""

    code = forms.RegexField(
        label=gettext_lazy("Where the link will hang"),
        help_text=gettext_lazy("A word of A-Z a-z 0-9 _ -, such as poster-2026."),
        regex=r"^[A-Za-z0-9_-]+$",
        max_length=invitation.MOST_CHARS,
    )


@shown("accounts.read")
def account(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show one account, its state and the latest conversations it holds."""
    return _page(request, get_object_or_404(Account, pk=pk))


@done("accounts.import")
def new_secret(request: OperatorRequest, pk: int) -> HttpResponse:
    """Take a new secret, and let the account try again at once."""
    one = get_object_or_404(Account, pk=pk, removed_at=None)
    form = SecretForm(one, request.POST)
    if not form.is_valid() or not any(form.cleaned_data.values()):
        return refused(request, gettext("Nothing was typed."), "console:account", pk)
    try:
        secrets.give(request.actor, pk, form.cleaned_data)
    except (lines.BadLineError, UnknownAccountError, vault.KeyMissingError) as error:
        return refused(request, error, "console:account", pk)
    said = gettext("The new secret is sealed; the account tries again.")
    return after(request, said, "console:account", pk)


@done("accounts.invite")
def invite(request: OperatorRequest, pk: int) -> HttpResponse:
    """Make a landing link on the platform and show it."""
    one = get_object_or_404(Account, pk=pk, removed_at=None)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, one, form=form, status=422)
    try:
        link = asyncio.run(invitation.make(request.actor, pk, form.cleaned_data["code"]))
    except (*_NO_LINK, ChannelError) as error:
        form.add_error("code", str(error))
        return _page(request, one, form=form, status=422)
    return _page(request, one, form=form, link=link)


def _page(
    request: OperatorRequest,
    one: Account,
    *,
    form: InviteForm | None = None,
    link: str = "",
    status: int = 200,
) -> HttpResponse:
    talks = Conversation.objects.filter(account=one).select_related("identity__contact")
    is_there = one.removed_at is None and one.channel in registry.names()
    context = {
        "account": one,
        "talks": talks.order_by("-last_at", "-pk")[:20],
        "talk_count": talks.count(),
        "secret_form": SecretForm(one) if is_there else None,
        "invite_form": (form or InviteForm()) if is_there and _invites(one) else None,
        "link": link,
        "can": gettext(", ").join(str(_CAN[name]) for name in one.caps.split()),
    }
    return show(request, "account.html", context, status=status)


def _invites(one: Account) -> bool:
    return Cap.INVITE in registry.get(one.channel).caps
