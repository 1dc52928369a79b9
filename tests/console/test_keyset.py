"""Paging by key neither skips nor repeats a row."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory

from menting.console import keyset
from menting.people.models import Contact

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
LATEST = keyset.Key("last_at")


def contacts(n: int) -> list[int]:
    """Make contacts of whom each three share one time; return their ids, latest first."""
    made = Contact.objects.bulk_create(
        Contact(created_at=START, last_at=START + timedelta(minutes=i // 3))
        for i in range(n)
    )
    return [contact.pk for contact in reversed(made)]


def test_all_pages_together_are_the_list() -> None:
    expected = contacts(25)
    url, seen = "/people/", []
    while url:
        page = keyset.page(
            RequestFactory().get(url), Contact.objects.all(), by=LATEST, size=4
        )
        seen += [contact.pk for contact in page.items]
        url = page.older_url
    assert seen == expected


def test_the_last_page_has_no_next_and_the_first_none_before() -> None:
    contacts(4)
    page = keyset.page(
        RequestFactory().get("/p/"), Contact.objects.all(), by=LATEST, size=4
    )
    assert (page.newer_url, page.older_url) == ("", "")


def test_the_way_back_keeps_the_filters() -> None:
    contacts(9)
    first = keyset.page(
        RequestFactory().get("/p/?q=a"), Contact.objects.all(), by=LATEST, size=4
    )
    second = keyset.page(
        RequestFactory().get(first.older_url), Contact.objects.all(), by=LATEST, size=4
    )
    assert second.newer_url == "/p/?q=a"
    assert "q=a" in second.older_url


@pytest.mark.parametrize("cursor", ["", "x", "_", "2026-13-01_4", "2026-01-01T00:00:00_"])
def test_a_cursor_that_cannot_be_read_asks_for_the_first_page(cursor: str) -> None:
    expected = contacts(5)
    request = RequestFactory().get("/p/", {"before": cursor})
    page = keyset.page(request, Contact.objects.all(), by=LATEST)
    assert [contact.pk for contact in page.items] == expected
