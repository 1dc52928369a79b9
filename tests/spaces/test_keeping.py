"""What spaces keep of a contact is told, exported and erased."""

from datetime import timedelta

import pytest

from menting.base import clock
from menting.people import registry
from menting.people.models import Contact
from menting.spaces import guestbook, keeping, read
from menting.spaces.models import GuestbookEntry, Space
from menting.users.guard import Actor
from tests.spaces.conftest import written


@pytest.fixture
def contact(yard: Space, owner: Actor) -> Contact:
    """Make a contact whose entry is shown beside one of somebody else."""
    now = clock.now()
    contact = Contact.objects.create(name="小禾", created_at=now, last_at=now)
    code = guestbook.invite(owner, yard, "").code
    for number, name in enumerate(("小禾", "沈听澜")):
        guestbook.sign(yard, written(name=name, code=code), address=f"192.0.2.{number}")
    GuestbookEntry.objects.filter(name="小禾").update(contact=contact)
    return contact


def test_spaces_are_known_to_people() -> None:
    assert keeping.PART in registry.parts()


def test_an_erasure_takes_the_entries_and_says_that_the_page_changed(
    yard: Space, contact: Contact
) -> None:
    before = Space.objects.get().version
    keeping.erase(contact.pk)
    assert [entry.name for entry in read.entries(yard)] == ["沈听澜"]
    assert Space.objects.get().version > before


def test_an_export_holds_the_entries_of_that_contact_alone(contact: Contact) -> None:
    (entry,) = keeping.export(contact.pk)["guestbook_entries"]
    assert (entry["space"], entry["name"], entry["state"]) == ("yard", "小禾", "approved")
    assert keeping.export(contact.pk + 1) == {"guestbook_entries": []}


def test_the_time_line_shows_entries_before_a_time(contact: Contact) -> None:
    now = clock.now()
    (moment,) = keeping.timeline(contact.pk, now, 5)
    assert (moment.kind, moment.state) == ("entry", "approved")
    assert list(keeping.timeline(contact.pk, now - timedelta(hours=1), 5)) == []
    assert list(keeping.timeline(contact.pk, now, 0)) == []
