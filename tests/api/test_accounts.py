"""Accounts by the API: one or a roster, changed, asked online, removed."""

import pytest

from menting.accounts import vault
from menting.accounts.models import Account
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

DESK = {
    "channel": "matrix",
    "handle": "@desk:example.org",
    "homeserver": "https://matrix.example.org",
    "password": "first",
}


def _made(caller: Caller) -> int:
    answer = caller.post("/accounts", DESK)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/accounts/{answer.told['id']}"
    return int(answer.told["id"])


def test_a_new_account_is_offline_until_it_is_asked_online(caller: Caller) -> None:
    made = _made(caller)
    assert caller.get(f"/accounts/{made}").told["state"] == "offline"
    assert caller.post("/accounts/signin", {"ids": [made]}).told == {"asked": 1}
    assert Account.objects.get(pk=made).wanted_online
    assert caller.post("/accounts/signout", {"all": True}).told == {"asked": 1}
    assert not Account.objects.get(pk=made).wanted_online


def test_an_account_is_added_once(caller: Caller) -> None:
    _made(caller)
    assert caller.post("/accounts", DESK).status == 409


def test_a_change_leaves_what_it_does_not_name(caller: Caller) -> None:
    made = _made(caller)
    before = Account.objects.get(pk=made)
    answer = caller.send("PATCH", f"/accounts/{made}", {"password": "second"})
    assert answer.status == 200
    after = Account.objects.get(pk=made)
    assert vault.open(after)["password"] == "second"
    assert (after.options, after.name) == (before.options, before.name)


@pytest.mark.parametrize(
    "change", [{"handle": "@other:example.org"}, {"colour": "red"}, {"channel": "qq"}]
)
def test_a_change_of_what_cannot_change_is_refused(
    caller: Caller, change: dict[str, str]
) -> None:
    made = _made(caller)
    assert caller.send("PATCH", f"/accounts/{made}", change).status == 422


def test_a_removed_account_is_gone_with_its_secret(caller: Caller) -> None:
    made = _made(caller)
    assert caller.ask("DELETE", f"/accounts/{made}").status == 200
    assert caller.get(f"/accounts/{made}").status == 404
    assert caller.ask("DELETE", f"/accounts/{made}").status == 404
    assert bytes(Account.objects.get(pk=made).sealed) == b""


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (
            "text/csv",
            "channel,handle,homeserver,password\n"
            "matrix,@a:localhost,http://127.0.0.1:8008,x\nmatrix,@b:localhost,,\n",
        ),
        (
            "application/jsonl",
            '{"channel": "matrix", "handle": "@a:localhost", '
            '"homeserver": "http://127.0.0.1:8008", "password": "x"}\n{"\\ud800": 1}\n',
        ),
    ],
)
def test_a_roster_keeps_its_good_lines_and_names_the_bad(
    caller: Caller, kind: str, body: str
) -> None:
    def send(path: str, key: str) -> dict[str, object]:
        answer = caller.ask(
            "POST", path, body.encode(), Content_Type=kind, Idempotency_Key=key
        )
        assert answer.status == 200, answer.body
        told: dict[str, object] = answer.told
        return told

    tried = send("/accounts/import?dry_run=true", "try")
    assert (tried["added"], tried["rejected_lines"]) == (1, 1)
    assert not Account.objects.exists()
    done = send("/accounts/import", "do")
    assert (done["id"], done["added"], done["rejected_lines"]) == ("do", 1, 1)
    assert Account.objects.count() == 1
