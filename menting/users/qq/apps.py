"""The Django app of QQ Connect, in which allauth looks for a provider."""

from django.apps import AppConfig


class QQConnectConfig(AppConfig):
    """Signing in with QQ."""

    name = "menting.users.qq"
    label = "qq_connect"
