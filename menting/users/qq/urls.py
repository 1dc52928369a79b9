"""Where people are sent to QQ, and where they come back."""

from allauth.socialaccount.providers.oauth2.urls import default_urlpatterns

from menting.users.qq.provider import QQProvider

urlpatterns = default_urlpatterns(QQProvider)
