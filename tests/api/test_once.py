"""A POST is done once, whatever is sent twice or at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from menting.accounts.models import Account
from menting.base import clock
from menting.users import answers
from menting.users.models import AuditEntry, KeptAnswer, Token
from tests.api.conftest import Caller, Said

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "correct horse battery"
DESK = {
    "channel": "matrix",
    "handle": "@desk:example.org",
    "homeserver": "https://matrix.example.org",
    "password": SECRET,
}


def _claim(key: str) -> None:
    """Stand for a call that runs elsewhere."""
    digest = answers.hash_of("POST", "/api/v1/accounts/signin", b'{"all": true}')
    answers.claim(Token.objects.get(), key, request_hash=digest)


def test_the_same_call_again_gets_the_same_answer_and_does_nothing(caller: Caller) -> None:
    first = caller.post("/accounts", DESK, key="one")
    again = caller.post("/accounts", DESK, key='"one"')
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert AuditEntry.objects.filter(act="account.import").count() == 1


def test_a_key_is_good_for_one_request(caller: Caller) -> None:
    assert caller.post("/accounts", DESK, key="one").status == 201
    other = caller.post("/accounts", DESK | {"name": "Desk"}, key="one")
    assert other.status == 422
    assert other.told["type"] == "/problems/key-reused"
    assert caller.post("/accounts/signin", {"all": True}, key="one").status == 422


@pytest.mark.parametrize("key", ["", " ", '""', "é", "x" * 256])
def test_a_post_without_a_key_that_can_be_used_does_nothing(
    caller: Caller, key: str
) -> None:
    headers = {"Idempotency_Key": key} if key else {}
    answer = caller.send("POST", "/accounts", DESK, **headers)
    assert answer.status == 400
    assert answer.told["type"] == "/problems/key-missing"
    assert not Account.objects.exists()


def test_a_call_that_runs_is_not_begun_a_second_time(caller: Caller) -> None:
    _claim("running")
    answer = caller.post("/accounts/signin", {"all": True}, key="running")
    assert answer.status == 409
    assert answer.headers["Retry-After"] == "1"


def test_a_call_whose_program_died_may_be_made_again(caller: Caller) -> None:
    _claim("dead")
    KeptAnswer.objects.update(claimed_at=clock.now() - answers.LONGEST)
    assert caller.post("/accounts/signin", {"all": True}, key="dead").status == 200


def test_of_racing_calls_one_acts_and_no_other(caller: Caller) -> None:
    def post(_: int) -> Said:
        return caller.post("/accounts", DESK, key="race")

    with ThreadPoolExecutor(6) as threads:
        said = list(threads.map(post, range(12)))
    assert {one.status for one in said} <= {201, 409}
    [made] = {one.body for one in said if one.status == 201}
    assert Account.objects.count() == 1
    assert AuditEntry.objects.filter(act="account.import").count() == 1
    assert caller.post("/accounts", DESK, key="race").body == made


def test_a_refused_call_is_refused_the_same_way_again(caller: Caller) -> None:
    bad = DESK | {"colour": "red"}
    first, again = (caller.post("/accounts", bad, key="bad") for _ in range(2))
    assert (first.status, again.status) == (422, 422)
    assert first.body == again.body
    assert not Account.objects.exists()


def test_an_answer_is_kept_for_a_day(caller: Caller) -> None:
    caller.post("/accounts", DESK, key="old")
    KeptAnswer.objects.update(claimed_at=clock.now() - timedelta(hours=25))
    answers.forget_old()
    assert not KeptAnswer.objects.exists()
    assert caller.post("/accounts", DESK, key="old").status == 409  # it is there


def test_no_secret_lies_in_what_is_kept(caller: Caller) -> None:
    caller.post("/accounts", DESK, key="one")
    caller.post("/accounts", DESK | {"wall": SECRET, SECRET: SECRET}, key="two")
    csv = f"channel,handle,homeserver,password\nmatrix,bad,{SECRET},{SECRET}\n"
    caller.ask(
        "POST", "/accounts/import", csv.encode(),
        Content_Type="text/csv", Idempotency_Key="three",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("select * from users_keptanswer")
        kept = repr(cursor.fetchall())
    assert kept.count("matrix") or kept
    assert "password" not in kept
    assert caller.token not in kept
