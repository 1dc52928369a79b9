"""How allauth signs people in here: nobody becomes an operator by signing up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from typing_extensions import override

from menting.users.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Visitors may sign up where mail can reach them; operators come by a link only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say whether strangers may sign up: where a code by mail proves the address."""
        return bool(settings.ACCOUNT_LOGIN_BY_CODE_ENABLED)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the console for operators and the public page for visitors."""
        return "/console/" if getattr(request.user, "is_operator", False) else "/"


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Whoever signs in with another's account is a visitor, and nothing else."""

    @override
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    @override
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let no operator's sign-in hang on another house's word."""
        people = (request.user, sociallogin.user)
        if any(getattr(person, "is_operator", False) for person in people):
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))

    @override
    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        user: User = sociallogin.user
        user.name = " ".join(str(data.get("name") or "").split())[:120]
        user.email = None
        return user
