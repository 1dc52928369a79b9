"""The Django app of spaces."""

from django.apps import AppConfig
from typing_extensions import override


class SpacesConfig(AppConfig):
    """Spaces, posts, guestbook, invitations, links and visitors by name."""

    name = "menting.spaces"
    label = "spaces"

    @override
    def ready(self) -> None:
        """Say what this part keeps of people."""
        from menting.people import registry  # noqa: PLC0415  # models come first
        from menting.spaces import keeping  # noqa: PLC0415  # models come first

        registry.register(keeping.PART)
