"""The words of what was claimed, rendered between the claim and `dispatching`."""

from collections.abc import Iterable, Sequence

from menting.campaigns import text
from menting.campaigns.errors import ContentError
from menting.campaigns.models import Delivery
from menting.people.outbound import Outbound, Skipped
from menting.users import house
from menting.users.house import Sender


def texts(items: Sequence[Outbound]) -> dict[Outbound, str | Skipped]:
    """Return the text of each item, or why it has none; call it outside a transaction.

    What has a text already, a second try, keeps it to the byte. Raises
    house.HouseIncompleteError: nothing goes out while nobody says who speaks.
    """
    ready: dict[Outbound, str | Skipped] = {
        item: item.text for item in items if item.text is not None
    }
    fresh = {item.id: item for item in items if item.text is None}
    if fresh:
        sender = house.sender()
        for row in _rows(fresh):
            ready[fresh[row.pk]] = _text(row, sender)
    return ready


def _rows(ids: Iterable[int]) -> Iterable[Delivery]:
    rows = Delivery.objects.filter(pk__in=list(ids))
    return rows.select_related("campaign", "contact", "account")


def _text(row: Delivery, sender: Sender) -> str | Skipped:
    values = text.Values(
        person_name=row.contact.name,
        person_language=row.contact.language,
        account_name=row.account.name or row.account.handle,
        sender=sender,
    )
    source = row.campaign.content[row.language]["text"]
    try:
        return text.render(source, language=row.language, values=values)
    except ContentError as error:
        return Skipped(str(error))
