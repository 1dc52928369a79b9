"""QQ as allauth knows a provider: who somebody is, by what they let it say."""

from typing import Any

from allauth.socialaccount.providers.base import ProviderAccount
from allauth.socialaccount.providers.oauth2.provider import OAuth2Provider
from typing_extensions import override

from menting.users.qq.views import QQAdapter

#: All that is kept. QQ says more (gender, province, city, year), which nobody needs here;
#: its "gender" is male where it is not known.
KEPT = ("openid", "nickname", "figureurl_qq_2", "figureurl_qq_1")


class QQAccount(ProviderAccount):  # type: ignore[misc]  # allauth has no types
    """Somebody's QQ, as they let it be seen."""

    @override
    def get_avatar_url(self) -> str | None:
        told: dict[str, str] = self.account.extra_data
        return told.get("figureurl_qq_2") or told.get("figureurl_qq_1")

    @override
    def to_str(self) -> str:
        return str(self.account.extra_data.get("nickname") or super().to_str())


class QQProvider(OAuth2Provider):  # type: ignore[misc]  # allauth has no types
    """QQ Connect (wiki.connect.qq.com, OAuth 2.0 for websites)."""

    id = "qq"
    name = "QQ"
    account_class = QQAccount
    oauth2_adapter_class = QQAdapter

    @override
    def extract_uid(self, data: dict[str, Any]) -> str:
        return str(data["openid"])

    @override
    def get_default_scope(self) -> list[str]:
        return ["get_user_info"]

    @override
    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"name": data.get("nickname", "")}

    @override
    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in KEPT if data.get(name)}


provider_classes = [QQProvider]
