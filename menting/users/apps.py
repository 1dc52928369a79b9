"""The Django app of users."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Operators, visitors, the house and the audit log."""

    name = "menting.users"
    label = "users"
