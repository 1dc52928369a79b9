"""The Django app of people."""

from django.apps import AppConfig
from typing_extensions import override


class PeopleConfig(AppConfig):
    """Contacts, conversations and the ledger of consent."""

    name = "menting.people"
    label = "people"

    @override
    def ready(self) -> None:
        """Say what this part keeps of people."""
        from menting.people import keeping, registry  # noqa: PLC0415  # models come first

        registry.register(keeping.PART)
