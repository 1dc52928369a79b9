"""The Django app of campaigns."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaigns, their deliveries and postings."""

    name = "menting.campaigns"
    label = "campaigns"

    def ready(self) -> None:
        """Say what this part keeps of people."""
        from menting.campaigns import keeping  # noqa: PLC0415  # models come first
        from menting.people import registry  # noqa: PLC0415

        registry.register(keeping.PART)
