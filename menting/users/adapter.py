"""How allauth signs people in here: nobody becomes an operator by signing up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Visitors may sign up where mail can reach them; operators come by a link only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say whether strangers may sign up: where a code by mail proves the address."""
        return bool(settings.ACCOUNT_LOGIN_BY_CODE_ENABLED)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the console for operators and the public page for visitors."""
        return "/console/" if getattr(request.user, "is_operator", False) else "/"
