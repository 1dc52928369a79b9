"""The two forms of a space: sign the guestbook, and be named in the visit log."""

from django import forms
from django.utils.translation import gettext_lazy as _

from menting.spaces import guestbook, visitors


class SignForm(forms.Form):
    """An entry for the guestbook, with the fields that only scripts trip over."""

    name = forms.CharField(label=_("Your name"), max_length=guestbook.NAME_LENGTH)
    text = forms.CharField(
        label=_("Your entry"),
        max_length=guestbook.TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    #: Hidden from people and from screen readers; a script fills what is called like this.
    website = forms.CharField(
        label=_("Leave this empty"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )
    stamp = forms.CharField(required=False, widget=forms.HiddenInput)
    code = forms.CharField(required=False, widget=forms.HiddenInput)


class NamedForm(forms.Form):
    """The visitor's own yes to being named; the box is never ticked beforehand."""

    name = forms.CharField(label=_("The name to show"), max_length=visitors.NAME_LENGTH)
    agree = forms.BooleanField(label=_("Name me in the visit log"))
