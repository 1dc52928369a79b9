"""The roster by the console: templates, exports, and secrets that only go in."""

import csv
import io
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from menting.accounts import vault
from menting.accounts.models import Account, AccountState
from menting.channels import registry
from menting.users.models import AuditEntry
from menting.workers import bridge

pytestmark = pytest.mark.django_db
ROSTER = "channel,handle,name,homeserver,password\nmatrix,@a:x,店,http://x,sesame\n"


@pytest.fixture
def threads() -> Iterator[None]:
    yield
    bridge.close()


@pytest.fixture
def account(as_owner: Client) -> Account:
    file = SimpleUploadedFile("r.csv", ROSTER.encode())
    as_owner.post("/console/accounts/import/", {"file": file})
    Account.objects.update(state=AccountState.NEEDS_AUTH, reason="M_FORBIDDEN")
    return Account.objects.get()


@pytest.mark.parametrize("channel", registry.names())
def test_each_channel_has_a_template(as_owner: Client, channel: str) -> None:
    got = as_owner.get(f"/console/accounts/template/{channel}.csv")
    heading, line = csv.reader(io.StringIO(got.content.decode("utf-8-sig")))
    assert heading[:3] == ["channel", "handle", "name"]
    assert line[0] == channel


def test_a_channel_that_is_none_has_no_template(as_owner: Client) -> None:
    assert as_owner.get("/console/accounts/template/pigeon.csv").status_code == 404


def test_the_export_names_the_accounts_and_no_secret(
    as_owner: Client, account: Account
) -> None:
    got = as_owner.post("/console/accounts/export/").content.decode("utf-8-sig")
    assert "@a:x" in got
    assert "sesame" not in got


def test_a_new_secret_goes_in_and_is_shown_nowhere(
    as_owner: Client, account: Account
) -> None:
    url = f"/console/accounts/{account.pk}/"
    page = as_owner.get(url).content.decode()
    assert 'name="secret-password"' in page
    assert "sesame" not in page
    as_owner.post(f"{url}secret/", {"secret-password": "open now"})
    account.refresh_from_db()
    assert vault.open(account) == {"password": "open now"}
    assert account.state == AccountState.OFFLINE
    assert "open now" not in as_owner.get(url).content.decode()
    assert AuditEntry.objects.latest("pk").act == "account.secret"


def test_an_empty_form_changes_nothing(as_owner: Client, account: Account) -> None:
    url = f"/console/accounts/{account.pk}/"
    as_owner.post(f"{url}secret/", {"secret-password": "", "secret-token": ""})
    account.refresh_from_db()
    assert vault.open(account) == {"password": "sesame"}


@pytest.mark.django_db(transaction=True)
def test_a_platform_without_landing_links_offers_none(
    as_owner: Client, account: Account, threads: None
) -> None:
    url = f"/console/accounts/{account.pk}/"
    assert "invite" not in as_owner.get(url).content.decode()
    assert as_owner.post(f"{url}invite/", {"code": "poster"}).status_code == 422
    assert as_owner.post(f"{url}invite/", {"code": "a poster"}).status_code == 422


def test_all_that_are_down_for_one_reason_are_tried_by_one_click(
    as_owner: Client, account: Account
) -> None:
    Account.objects.update(wanted_online=True, caps="profile text wall")
    page = as_owner.get("/console/accounts/").content.decode()
    assert "Why some are not online" in page or "M_FORBIDDEN" in page
    told = {"channel": "matrix", "state": "needs_auth", "reason": "another reason"}
    as_owner.post("/console/accounts/retry/", told)
    account.refresh_from_db()
    assert account.state == AccountState.NEEDS_AUTH
    as_owner.post("/console/accounts/retry/", {**told, "reason": "M_FORBIDDEN"})
    account.refresh_from_db()
    assert account.state == AccountState.OFFLINE
    assert AuditEntry.objects.latest("pk").act == "account.retry"
