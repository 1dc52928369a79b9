"""The three calls to QQ Connect after somebody came back with a code.

wiki.connect.qq.com: token (the code lives ten minutes), me (who), get_user_info (shown as).
"""

import json
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.oauth2.views import (
    OAuth2Adapter,
    OAuth2CallbackView,
    OAuth2LoginView,
)
from django.http import HttpRequest
from typing_extensions import override

from menting.base import config


class QQAdapter(OAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """How QQ's OAuth 2 differs: every call is a GET, and answers are JSON if asked."""

    provider_id = "qq"
    access_token_method = "GET"  # noqa: S105  # an HTTP method

    @property
    def authorize_url(self) -> str:
        """Return where people say yes."""
        return f"{_api()}/oauth2.0/authorize"

    @property
    def access_token_url(self) -> str:
        """Return where the code becomes a token."""
        return f"{_api()}/oauth2.0/token"

    @override
    def get_access_token_data(
        self,
        request: HttpRequest,
        app: Any,
        client: OAuth2Client,
        pkce_code_verifier: str | None = None,
    ) -> dict[str, Any]:
        told: dict[str, Any] = client.get_access_token(
            request.GET["code"], extra_data={"fmt": "json"}
        )
        return told

    @override
    def complete_login(
        self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        me = _call("/oauth2.0/me", access_token=token.token, fmt="json")
        if me.get("client_id") != app.client_id or not me.get("openid"):
            raise ProviderException("QQ gave a token of another site")
        shown = _call(
            "/user/get_user_info",
            access_token=token.token,
            oauth_consumer_key=app.client_id,
            openid=me["openid"],
        )
        told = {**shown, "openid": me["openid"]}
        return self.get_provider().sociallogin_from_response(request, told)


oauth2_login = OAuth2LoginView.adapter_view(QQAdapter)
oauth2_callback = OAuth2CallbackView.adapter_view(QQAdapter)


def _call(path: str, **query: str) -> dict[str, Any]:
    with get_adapter().get_requests_session() as http:
        answer = http.get(f"{_api()}{path}", params=query)
        answer.raise_for_status()
    try:
        told = json.loads(_unwrapped(answer.text))
    except ValueError:
        raise ProviderException("QQ's answer is no JSON") from None
    if not isinstance(told, dict) or told.get("error") or told.get("ret", 0) != 0:
        raise ProviderException(f"QQ refused {path}")
    return told


def _unwrapped(text: str) -> str:
    """Return the object in `callback( {…} );`, the form where `fmt` is not known."""
    text = text.strip()
    if text.startswith("callback("):
        return text.removeprefix("callback(").removesuffix(";").removesuffix(")")
    return text


def _api() -> str:
    settings = config.current().qq_connect
    if settings is None:
        raise ProviderException("QQ Connect is not set up here")
    return settings.api.rstrip("/")
