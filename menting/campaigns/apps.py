"""The Django app of campaigns."""

from django.apps import AppConfig
from typing_extensions import override


class CampaignsConfig(AppConfig):
    """Campaigns, their deliveries and postings."""

    name = "menting.campaigns"
    label = "campaigns"

    @override
    def ready(self) -> None:
        """Say what this part keeps of people."""
        from menting.campaigns import keeping  # noqa: PLC0415  # models come first
        from menting.people import registry  # noqa: PLC0415

        registry.register(keeping.PART)
