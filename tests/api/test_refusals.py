"""What is refused is a problem in JSON, whatever was wrong, and shows nothing sent."""

import http.client
import json

import pytest
from django.test import Client

from menting.api import problem, refusals
from menting.api.problem import Problem
from menting.users import guard, tokens
from menting.users.models import AuditEntry, Token, User
from tests.api.conftest import ROOT, Caller, call, token_of
from tests.console.conftest import Sample, signed_in
from tests.fakes import sdk

pytestmark = pytest.mark.django_db(transaction=True)

CSV = b"channel,handle,homeserver,password\nmatrix,@a:localhost,http://127.0.0.1:8008,x\n"


def _kind(caller: Caller, method: str, path: str, **headers: str) -> tuple[int, str]:
    answer = caller.ask(method, path, None, **headers)
    assert answer.headers["Content-Type"] == problem.MEDIA_TYPE
    assert answer.told["status"] == answer.status
    return answer.status, answer.told["type"].removeprefix("/problems/")


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/accounts/", "/accounts/1/x"])
def test_an_unknown_address_is_a_problem(caller: Caller, path: str) -> None:
    assert _kind(caller, "GET", path) == (404, "not-found")


@pytest.mark.parametrize("path", ["/accounts/9", "/people/9", "/people/9/consents",
                                  "/campaigns/9", "/campaigns/9/deliveries",
                                  "/visits?space=none"])  # fmt: skip
def test_what_is_not_there_is_not_found(caller: Caller, path: str) -> None:
    assert _kind(caller, "GET", path) == (404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PATCH", "PROPFIND"])
def test_a_method_that_is_not_there_names_those_that_are(
    caller: Caller, method: str
) -> None:
    answer = caller.ask(method, "/accounts", None)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_options_and_head_answer_without_a_body(caller: Caller) -> None:
    asked = caller.with_token("").ask("OPTIONS", "/accounts", None)
    assert (asked.status, asked.body) == (204, b"")
    assert asked.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert "Access-Control-Allow-Origin" not in asked.headers
    head, whole = caller.ask("HEAD", "/accounts"), caller.get("/accounts")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))
    assert head.headers["ETag"] == whole.headers["ETag"]


def test_who_has_an_answer_already_gets_no_second_copy(
    caller: Caller, sample: Sample
) -> None:
    tag = caller.get("/accounts").headers["ETag"]
    assert caller.get("/accounts", If_None_Match=tag).status == 304
    caller.ask("DELETE", f"/accounts/{sample.account}")
    assert caller.get("/accounts", If_None_Match=tag).status == 200


def test_only_json_is_answered(caller: Caller) -> None:
    assert _kind(caller, "GET", "/accounts", Accept="text/html") == (406, "not-acceptable")
    assert caller.get("/accounts", Accept="*/*").status == 200


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=gbk"])
def test_a_body_of_another_kind_is_refused(caller: Caller, kind: str) -> None:
    answer = caller.ask("POST", "/accounts", b"{}", Content_Type=kind, Idempotency_Key="k")
    assert (answer.status, answer.told["type"]) == (415, "/problems/unsupported-media-type")


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 50_000, b"\xff", b'{"ids": 1}{'])
def test_a_body_that_is_no_json_is_refused(caller: Caller, body: bytes) -> None:
    answer = caller.ask(
        "POST", "/accounts/signin", body,
        Content_Type="application/json", Idempotency_Key="k",
    )  # fmt: skip
    assert answer.status in (400, 422)
    assert answer.headers["Content-Type"] == problem.MEDIA_TYPE


def test_each_field_that_cannot_be_used_is_named(caller: Caller) -> None:
    answer = caller.get("/accounts?limit=0&state=asleep")
    assert [one["name"] for one in answer.told["errors"]] == ["state", "limit"]
    answer = caller.post("/accounts/signin", {"ids": [0], "colour": "secret word"})
    assert answer.status == 422
    assert {one["name"] for one in answer.told["errors"]} == {"ids.0", "colour"}
    assert b"secret word" not in answer.body


def test_a_body_may_be_a_mebibyte_and_a_roster_sixteen(caller: Caller) -> None:
    large = b'"' + b"x" * 1024 * 1024 + b'"'
    headers = {"Content_Type": "application/json", "Idempotency_Key": "large"}
    assert caller.ask("POST", "/accounts", large, **headers).status == 413
    roster = CSV + b"\n" * (3 * 1024 * 1024)
    headers = {"Content_Type": "text/csv", "Idempotency_Key": "roster"}
    assert caller.ask("POST", "/accounts/import", roster, **headers).told["added"] == 1


@pytest.mark.parametrize("is_announced", [True, False])
def test_what_is_too_large_is_refused_while_it_comes_in(
    caller: Caller, is_announced: bool
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=30)
    connection.putrequest("POST", f"{ROOT}/accounts/import")
    connection.putheader("Authorization", f"Bearer {caller.token}")
    if is_announced:
        connection.putheader("Content-Length", str(17 * 1024 * 1024))
        connection.endheaders()
    else:
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        piece = b"x" * 1024 * 1024
        for _ in range(17):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["type"] == "/problems/too-large"
    connection.close()


def test_a_forged_host_is_refused(caller: Caller) -> None:
    assert _kind(caller, "GET", "/accounts", Host="evil.example") == (400, "bad-request")


def test_a_signed_in_browser_is_nobody_here(port: int, owner: User, sample: Sample) -> None:
    browser: Client = signed_in(owner)
    cookie = "; ".join(f"{name}={each.value}" for name, each in browser.cookies.items())
    answer = call(port, "GET", f"{ROOT}/accounts", None, {"Cookie": cookie})
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers


def test_what_nobody_foresaw_tells_the_caller_nothing() -> None:
    told = problem.answer(refusals.of(RuntimeError("secret place"))).content
    assert b"secret place" not in told
    assert json.loads(told)["status"] == 500


def test_every_kind_of_problem_has_a_status_and_is_told_in_the_guide() -> None:
    text = (sdk.ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for kind in problem.KINDS:
        assert Problem(kind, "").status >= 400
        assert f"`{kind}`" in text


def test_a_token_that_asks_too_often_is_told_when_to_go_on(caller: Caller) -> None:
    Token.objects.update(tat=2**62)
    answer = caller.get("/accounts")
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["RateLimit-Policy"] == '"default";q=100;w=10'


def test_an_act_is_in_the_audit_log_by_the_tokens_name(
    caller: Caller, owner: User, sample: Sample
) -> None:
    plain = tokens.make(
        guard.at_shell(), owner, name="books", scopes=["accounts:write"]
    ).plain
    caller.with_token(plain).ask("DELETE", f"/accounts/{sample.account}")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.act) == ("token:books", "account.remove")


def test_a_token_of_a_manager_does_what_a_manager_may(
    caller: Caller, owner: User, sample: Sample
) -> None:
    plain = token_of(owner)
    owner.role = "manager"
    owner.save(update_fields=["role"])
    assert caller.with_token(plain).get("/people").status == 200
