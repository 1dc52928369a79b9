"""The Django app of the console: pages only, no models."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The operators' pages."""

    name = "menting.console"
    label = "console"
