"""Every act of the console goes through the domain, by role, and into the audit log."""

import re

import pytest
from django.test import Client

from menting.accounts.models import Account
from menting.campaigns.models import Campaign, Delivery
from menting.people.models import Contact, Reply
from menting.spaces.models import GuestbookEntry, Invitation, Link, Post, Space
from menting.users import house, tokens
from menting.users.models import AuditEntry, User
from tests.console.conftest import Sample

pytestmark = pytest.mark.django_db

ACTS = [
    "inbox/{conversation}/reply/",
    "people/{contact}/export/",
    "people/{contact}/erase/",
    "campaigns/{campaign}/act/",
    "deliveries/{delivery}/resolve/",
    "accounts/signin/",
    "accounts/export/",
    "accounts/retry/",
    "accounts/{account}/secret/",
    "accounts/{account}/invite/",
    "accounts/change/",
    "spaces/{slug}/invite/",
    "spaces/{slug}/describe/",
    "spaces/{slug}/link/",
    "entries/{entry}/decide/",
    "invitations/{invitation}/revoke/",
    "settings/house/",
    "settings/own/",
    "settings/go-on/",
    "settings/tokens/new/",
    "settings/tokens/1/revoke/",
]


def post(client: Client, page: str, **values: str) -> int:
    return client.post(f"/console/{page}", values).status_code


def last_act() -> str:
    entry = AuditEntry.objects.order_by("-pk").first()
    return entry.act if entry else ""


def at(page: str, sample: Sample) -> str:
    return page.format(**{name: getattr(sample, name) for name in Sample.__slots__})


@pytest.mark.parametrize("page", ACTS)
def test_nobody_acts_without_a_role(
    client: Client, as_visitor: Client, sample: Sample, page: str
) -> None:
    before = AuditEntry.objects.count()
    assert post(client, at(page, sample)) == 302
    assert post(as_visitor, at(page, sample), how="approve", act="signin") == 403
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("page", ACTS)
def test_an_address_in_a_message_does_nothing(
    as_owner: Client, sample: Sample, page: str
) -> None:
    assert as_owner.get(f"/console/{at(page, sample)}").status_code == 405


def test_a_form_without_its_token_changes_nothing(owner: User, sample: Sample) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert post(client, "accounts/signin/") == 403


def test_the_house_gets_its_name(as_owner: Client) -> None:
    values = {
        "legal_name": "Tree",
        "contact": "Lane",
        "language": "en",
        "time_zone": "Asia/Tokyo",
    }
    assert post(as_owner, "settings/house/", **values) == 302
    assert house.sender().legal_name == "Tree"
    assert last_act() == "house.change"


def test_a_house_without_a_contact_is_told_what_is_missing(as_owner: Client) -> None:
    values = {
        "legal_name": "Tree",
        "contact": "",
        "language": "en",
        "time_zone": "Asia/Tokyo",
    }
    assert post(as_owner, "settings/house/", **values) == 422
    assert house.get().legal_name == ""


def test_a_manager_changes_their_own_settings_and_not_the_house(
    as_manager: Client, manager: User
) -> None:
    own = {"name": "Gu", "language": "en", "time_zone": "Asia/Tokyo", "theme": "dark"}
    assert post(as_manager, "settings/own/", **own) == 302
    assert b'data-theme="dark"' in as_manager.get("/console/").content
    assert post(as_manager, "settings/house/", legal_name="x", contact="y") == 403


def test_the_language_is_kept_for_an_operator(as_owner: Client, owner: User) -> None:
    assert post(as_owner, "language/", language="en", next="/console/log/") == 302
    owner.refresh_from_db()
    assert owner.language == "en"
    assert post(as_owner, "language/", language="xx") == 302
    owner.refresh_from_db()
    assert owner.language == "en"


def test_a_change_of_language_leads_to_no_other_site(client: Client) -> None:
    answer = client.post(
        "/console/language/", {"language": "en", "next": "https://evil.example/"}
    )
    assert answer.headers["Location"] == "/"


def test_accounts_sign_in_and_out_by_choice(as_owner: Client, sample: Sample) -> None:
    assert post(as_owner, "accounts/change/", id=str(sample.account), act="signout") == 302
    assert not Account.objects.get(pk=sample.account).wanted_online
    assert post(as_owner, "accounts/change/", only=str(sample.account)) == 302
    assert Account.objects.get(pk=sample.account).wanted_online
    assert last_act() == "account.signin"


def test_all_accounts_sign_in(as_owner: Client, sample: Sample) -> None:
    Account.objects.update(wanted_online=False)
    assert post(as_owner, "accounts/signin/") == 302
    assert not Account.objects.filter(wanted_online=False).exists()


def test_a_removed_account_is_gone_from_the_list(as_owner: Client, sample: Sample) -> None:
    assert post(as_owner, "accounts/change/", id=str(sample.account), act="remove") == 302
    assert Account.objects.get(pk=sample.account).removed_at is not None
    assert post(as_owner, "accounts/change/", act="remove") == 302


def test_a_message_is_answered_by_hand(as_owner: Client, sample: Sample) -> None:
    page = f"inbox/{sample.conversation}/reply/"
    assert post(as_owner, page, text=" ") == 302
    assert not Reply.objects.filter(is_automatic=False).exists()
    assert post(as_owner, page, text="See you on Saturday") == 302
    assert Reply.objects.get(is_automatic=False).text == "See you on Saturday"
    assert last_act() == "people.reply"


def test_an_entry_is_shown_and_hidden(as_owner: Client, sample: Sample) -> None:
    for how, state in (("approve", "approved"), ("refuse", "refused")):
        assert post(as_owner, f"entries/{sample.entry}/decide/", how=how) == 302
        assert GuestbookEntry.objects.get(pk=sample.entry).state == state


def test_an_invitation_is_issued_and_taken_back(as_owner: Client, sample: Sample) -> None:
    assert post(as_owner, "spaces/tree/invite/", note="for Bai") == 302
    made = Invitation.objects.get(note="for Bai")
    assert post(as_owner, f"invitations/{made.pk}/revoke/") == 302
    made.refresh_from_db()
    assert made.revoked_at is not None


def test_the_head_of_a_space_is_changed_and_an_empty_name_refused(
    as_owner: Client, sample: Sample
) -> None:
    where = "spaces/tree/describe/"
    assert post(as_owner, where, name="Under the tree", about="Old books") == 302
    assert Space.objects.get(slug="tree").name == "Under the tree"
    assert post(as_owner, where, name=" ", about="") == 302
    assert Space.objects.get(slug="tree").name == "Under the tree"


def test_a_link_is_made_and_a_bad_one_refused(as_owner: Client, sample: Sample) -> None:
    assert (
        post(as_owner, "spaces/tree/link/", url="https://example.org/a", label="a") == 302
    )
    assert Link.objects.filter(label="a").exists()
    assert post(as_owner, "spaces/tree/link/", url="javascript:1", label="b") == 302
    assert not Link.objects.filter(label="b").exists()


def test_a_space_is_made_once(as_owner: Client, sample: Sample) -> None:
    values = {"slug": "lane", "name": "Lane", "language": "en", "time_zone": "Asia/Tokyo"}
    assert post(as_owner, "spaces/new/", **values) == 302
    assert post(as_owner, "spaces/new/", **values) == 422
    assert Space.objects.filter(slug="lane").count() == 1


def test_a_post_is_published(as_owner: Client, sample: Sample) -> None:
    assert post(as_owner, "spaces/tree/write/", markdown="# Leaves\n\nfall") == 302
    assert Post.objects.filter(title="Leaves").exists()
    assert post(as_owner, "spaces/tree/write/", markdown=" ") == 422


def test_an_unknown_delivery_is_taken_as_delivered_once(
    as_owner: Client, sample: Sample
) -> None:
    page = f"deliveries/{sample.delivery}/resolve/"
    assert post(as_owner, page, how="received") == 302
    assert Delivery.objects.get(pk=sample.delivery).state == "accepted"
    entries = AuditEntry.objects.filter(act="campaign.resolve").count()
    assert post(as_owner, page, how="again") == 302
    assert Delivery.objects.get(pk=sample.delivery).state == "accepted"
    assert AuditEntry.objects.filter(act="campaign.resolve").count() == entries == 1


def test_a_campaign_is_paused_and_an_unknown_act_does_nothing(
    as_owner: Client, sample: Sample
) -> None:
    assert post(as_owner, f"campaigns/{sample.campaign}/act/", act="nonsense") == 302
    assert Campaign.objects.get(pk=sample.campaign).state == "running"
    assert post(as_owner, f"campaigns/{sample.campaign}/act/", act="pause") == 302
    assert Campaign.objects.get(pk=sample.campaign).state == "paused"


def test_a_campaign_is_written_and_what_is_wrong_is_said(
    as_owner: Client, sample: Sample
) -> None:
    good = 'name = "Spring"\nfrom = ["*"]\n[content.en]\ntext = "We open at ten."\n'
    assert post(as_owner, "campaigns/new/", toml=good) == 302
    assert Campaign.objects.filter(name="Spring").exists()
    answer = as_owner.post("/console/campaigns/new/", {"toml": "name = "})
    assert answer.status_code == 422
    assert b"TOML" in answer.content


def test_nobody_is_erased_without_the_word(as_owner: Client, sample: Sample) -> None:
    assert post(as_owner, f"people/{sample.contact}/erase/", word="no") == 302
    assert Contact.objects.get(pk=sample.contact).erased_at is None


def test_an_erased_person_is_gone_and_the_page_says_when_the_bytes_go(
    as_owner: Client, owner: User, sample: Sample
) -> None:
    page = f"people/{sample.contact}/"
    assert post(as_owner, f"{page}erase/", word=" 抹除 ") == 302
    assert last_act() == "people.erase"
    answer = as_owner.get(f"/console/{page}")
    assert answer.status_code == 410
    assert "24 小时" in answer.content.decode()
    assert post(as_owner, f"{page}erase/", word="抹除") == 404


def test_the_copy_for_a_person_is_a_file(as_owner: Client, sample: Sample) -> None:
    answer = as_owner.post(f"/console/people/{sample.contact}/export/")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.json()["id"] == sample.contact
    assert last_act() == "people.export"


def test_a_manager_does_not_erase(as_manager: Client, sample: Sample) -> None:
    assert post(as_manager, f"people/{sample.contact}/erase/", word="抹除") == 403


def test_a_token_is_shown_once_and_revoked_for_good(as_owner: Client) -> None:
    values = {"name": "books", "days": "90", "scopes": ["accounts:read", "visits:read"]}
    made = as_owner.post("/console/settings/tokens/new/", values)
    [plain] = re.findall(r"mnt_p_[0-9A-Za-z]{36}", made.content.decode())
    assert made.headers["Cache-Control"] == "no-store"
    assert last_act() == "token.make"
    token = tokens.find(plain)
    assert token is not None
    assert token.scopes == values["scopes"]
    assert plain not in as_owner.get("/console/settings/tokens/").content.decode()
    assert post(as_owner, f"settings/tokens/{token.pk}/revoke/") == 302
    assert (last_act(), tokens.find(plain)) == ("token.revoke", None)


@pytest.mark.parametrize(
    "values",
    [{"name": "books", "days": "90"}, {"name": "", "days": "90"}, {"days": "9999"}],
)
def test_a_token_that_cannot_be_is_not_made(
    as_owner: Client, values: dict[str, str]
) -> None:
    assert post(as_owner, "settings/tokens/new/", **values) == 422
    assert last_act() == ""


def test_who_has_a_password_gives_it_again_for_a_token(
    as_owner: Client, owner: User
) -> None:
    owner.set_password("correct horse battery")
    owner.save(update_fields=["password"])
    as_owner.force_login(
        owner, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    values = {"name": "books", "days": "90", "scopes": "visits:read"}
    answer = as_owner.post("/console/settings/tokens/new/", values)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert last_act() == ""


def test_only_an_owner_makes_tokens(as_manager: Client) -> None:
    values = {"name": "books", "days": "90", "scopes": "visits:read"}
    assert post(as_manager, "settings/tokens/new/", **values) == 403
