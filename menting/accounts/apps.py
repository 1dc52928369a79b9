"""The Django app of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts and their sealed secrets."""

    name = "menting.accounts"
    label = "accounts"
