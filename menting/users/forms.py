"""The first page behind an owner's link: who you are and in whose name you speak."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from menting.users.models import House, User


class WelcomeForm(forms.Form):
    """Language, zone, the sender's legal name and contact, and a password if wanted."""

    name = forms.CharField(label=_("Your name"), max_length=120)
    email = forms.EmailField(
        label=_("Your e-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(label=_("Time zone"))
    legal_name = forms.CharField(
        label=_("Legal name of the sender"),
        max_length=200,
        help_text=_("Stands in every campaign message, as the law asks."),
    )
    contact = forms.CharField(
        label=_("Contact of the sender"),
        max_length=200,
        help_text=_("An address, phone or mail where people reach you."),
        # Browsers take the field before a password for the name to sign in with.
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters. Leave empty to set up a passkey next."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        zones = sorted(available_timezones())
        self.fields["time_zone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]  # a ChoiceField

    @classmethod
    def initial_of(cls, user: User, house: House) -> dict[str, str]:
        """Return what the form shows first."""
        return {
            "name": user.name,
            "email": user.email or "",
            "language": user.language,
            "time_zone": house.time_zone,
            "legal_name": house.legal_name,
            "contact": house.contact,
        }

    def clean_email(self) -> str:
        """Refuse an address that somebody else signs in with."""
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exclude(pk=self._user.pk).exists():
            raise forms.ValidationError(_("Somebody else signs in with this address."))
        return email

    def clean_password(self) -> str:
        """Hold the password against the house's rules."""
        password: str = self.cleaned_data["password"]
        if password:
            password_validation.validate_password(password, self._user)
        return password
