"""The Django app of people."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Contacts, conversations and the ledger of consent."""

    name = "menting.people"
    label = "people"
