"""The Django app of campaigns."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaigns, deliveries and postings."""

    name = "menting.campaigns"
    label = "campaigns"
