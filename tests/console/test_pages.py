"""Every page: who sees it, in both languages, empty and full, and what it never holds."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern

from menting.console.urls import urlpatterns
from menting.users import audit, guard
from menting.users.models import User
from tests.console.conftest import HOSTILE, LONG, Sample, person

pytestmark = pytest.mark.django_db

PAGES = [
    "",
    "more/",
    "inbox/",
    "inbox/{conversation}/",
    "people/",
    "people/?q=reader1",
    "people/?q=nobody",
    "people/?said=withdrawn",
    "people/{contact}/",
    "people/{contact}/?kind=consents",
    "people/{contact}/?kind=entries",
    "campaigns/",
    "campaigns/?state=draft",
    "campaigns/new/",
    "campaigns/{campaign}/",
    "campaigns/{campaign}/?lanes=all",
    "campaigns/{campaign}/deliveries/",
    "campaigns/{campaign}/deliveries/?state=rejected",
    "accounts/",
    "accounts/?q=desk1&state=needs_auth&channel=matrix",
    "accounts/?state=banned",
    "accounts/import/",
    "accounts/{account}/",
    "visits/",
    "visits/?space=tree&day=2011-03-02",
    "spaces/",
    "spaces/new/",
    "spaces/{slug}/",
    "spaces/{slug}/write/",
    "log/",
    "log/?target=house",
    "log/?actor=nobody",
    "settings/",
    "settings/tokens/",
]
PARTS = ["campaigns/{campaign}/live/", "campaigns/{campaign}/short/", "accounts/fleet/"]
WITHOUT_ID = [page for page in PAGES if "{" not in page and "space=" not in page]


def text(client: Client, page: str, *, status: int = 200) -> str:
    response = client.get(f"/console/{page}")
    assert response.status_code == status, page
    return response.content.decode()


def at(page: str, sample: Sample) -> str:
    return page.format(**{name: getattr(sample, name) for name in Sample.__slots__})


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_in_each_language(
    as_owner: Client, owner: User, sample: Sample, page: str, language: str
) -> None:
    owner.language = language
    owner.save(update_fields=["language"])
    shown = text(as_owner, at(page, sample))
    assert f'<html lang="{language}"' in shown
    assert shown.count("<h1") == 1
    assert shown.count('class="rule"') == 1


@pytest.mark.parametrize("page", [*PAGES, *PARTS])
def test_a_page_holds_nothing_that_the_content_policy_refuses(
    as_owner: Client, sample: Sample, page: str
) -> None:
    shown = text(as_owner, at(page, sample))
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|[\"'(]data:", shown)
    assert not re.search(r"<script(?![^>]*\ssrc=)", shown)


@pytest.mark.parametrize("page", [*PAGES, *PARTS])
def test_names_and_texts_of_strangers_are_shown_as_text(
    as_owner: Client, sample: Sample, page: str
) -> None:
    assert HOSTILE not in text(as_owner, at(page, sample))


@pytest.mark.parametrize("page", WITHOUT_ID)
def test_a_page_of_an_empty_house_says_what_will_be_there(
    as_owner: Client, page: str
) -> None:
    assert text(as_owner, page).count("<h1") == 1


@pytest.mark.parametrize("page", [*PAGES, *PARTS])
def test_a_stranger_is_asked_to_sign_in(client: Client, sample: Sample, page: str) -> None:
    response = client.get(f"/console/{at(page, sample)}")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("page", [*PAGES, *PARTS])
def test_a_visitor_of_a_space_sees_no_page(
    as_visitor: Client, sample: Sample, page: str
) -> None:
    assert LONG not in text(as_visitor, at(page, sample), status=403)


@pytest.mark.parametrize("page", ["log/", "settings/tokens/"])
def test_a_manager_is_told_who_may_change_their_role(
    as_manager: Client, owner: User, page: str
) -> None:
    assert owner.name in text(as_manager, page, status=403)


def test_a_manager_sees_the_other_pages(as_manager: Client, sample: Sample) -> None:
    for page in PAGES:
        if not page.startswith(("log", "settings/tokens")):
            text(as_manager, at(page, sample))


def test_every_address_of_the_console_is_tested() -> None:
    """A new page must be put into a list here, or into the tests of acts."""
    acts = {
        "language", "reply", "person_export", "person_erase", "campaign_act",
        "campaign_dry_run",
        "delivery_resolve", "account_signin_all", "account_change", "space_invite",
        "space_describe", "space_link", "entry_decide", "invitation_revoke",
        "settings_house", "settings_own", "go_on", "visitor", "account_template",
        "account_export", "account_retry", "account_secret", "account_invite",
        "token_create", "token_revoke",
    }  # fmt: skip
    tested = {re.sub(r"\{\w+\}", "", page.split("?")[0]) for page in [*PAGES, *PARTS]}
    left = {
        pattern.name
        for pattern in urlpatterns
        if isinstance(pattern, URLPattern)
        and re.sub(r"<[^>]+>", "", str(pattern.pattern)) not in tested
    }
    assert left == acts


@pytest.mark.parametrize("page", ["accounts/", "people/", "inbox/", "log/"])
def test_a_longer_list_asks_no_more_questions(
    as_owner: Client, sample: Sample, page: str
) -> None:
    with CaptureQueriesContext(connection) as few:
        text(as_owner, page)
    for number in range(10, 40):
        person(number, f"Reader {number}")
        audit.record(guard.SYSTEM, "account.signin")
    with CaptureQueriesContext(connection) as many:
        text(as_owner, page)
    assert len(many) <= len(few)


def test_an_unknown_filter_is_passed_over(as_owner: Client, sample: Sample) -> None:
    assert LONG in text(as_owner, "accounts/?state=nonsense&channel=nonsense&before=x")


def test_a_list_filtered_to_nothing_names_its_filters_and_the_way_out(
    as_owner: Client, sample: Sample
) -> None:
    shown = text(as_owner, "accounts/?state=banned")
    assert 'class="chip"' in shown
    assert 'href="/console/accounts/"' in shown


def test_a_page_that_does_not_exist_is_not_found(as_owner: Client, sample: Sample) -> None:
    for page in ("people/999/", "campaigns/999/", "spaces/none/", "visits/?space=none"):
        text(as_owner, page, status=404)
