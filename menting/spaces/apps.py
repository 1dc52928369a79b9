"""The Django app of spaces."""

from django.apps import AppConfig


class SpacesConfig(AppConfig):
    """Spaces, posts, guestbook, invitations, links and visitors by name."""

    name = "menting.spaces"
    label = "spaces"
