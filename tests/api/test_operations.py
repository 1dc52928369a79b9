"""Every operation of the document: who may, and what it says of itself."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from menting.api import document
from menting.api.noun import Shape
from menting.base import clock
from menting.users import tokens
from menting.users.models import Role, Token, User
from tests.api.conftest import ROOT, Caller, call, token_of
from tests.console.conftest import Sample
from tests.fakes import sdk

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_at_any_rate"),
]

DOCUMENT = json.loads(document.text())
METHODS = {"get", "post", "patch", "delete", "put"}


def _operations() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path, operation


OPERATIONS = list(_operations())
NAMES = [name for name, *_ in OPERATIONS]


def _address(path: str) -> str:
    path = path.removeprefix(ROOT).replace("{dimension}", "path")
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


def _scope(operation: dict[str, Any]) -> str:
    [needed] = operation["security"]
    [scope] = needed["token"]
    return str(scope)


@pytest.mark.parametrize(("_name", "method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_an_operation_needs_a_token_and_its_own_scope(
    caller: Caller,
    owner: User,
    _name: str,
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    address, scope = _address(path), _scope(operation)
    without = caller.with_token("").ask(method, address)
    assert without.status == 401
    assert without.headers["WWW-Authenticate"].startswith("Bearer ")
    others = [each for each in tokens.SCOPES if each != scope]
    refused = caller.with_token(token_of(owner, *others)).ask(method, address)
    assert refused.status == 403
    assert refused.told["type"] == "/problems/insufficient-scope"
    assert f'scope="{scope}"' in refused.headers["WWW-Authenticate"]
    own = caller.with_token(token_of(owner, scope)).ask(method, address)
    assert own.status not in (401, 403, 404 if method == "POST" else 401)


def test_the_document_holds_every_operation_that_is_served() -> None:
    assert len(OPERATIONS) == 18
    assert all(set(methods) <= METHODS for methods in DOCUMENT["paths"].values())


def test_each_token_scope_is_used_and_each_used_one_exists() -> None:
    assert {_scope(operation) for *_, operation in OPERATIONS} == set(tokens.SCOPES)


def test_no_two_shapes_have_one_name() -> None:
    """The library lets a schema of the same name take another's place."""
    names = [shape.__name__ for shape in _below(Shape)]
    assert len(names) == len(set(names))


def _below(shape: type[Any]) -> Iterator[type[Any]]:
    for one in shape.__subclasses__():
        yield one
        yield from _below(one)


def test_the_document_is_sound_by_an_independent_validator() -> None:
    python = sdk.python("openapi-spec-validator==0.9.0")
    script = (
        "import json, sys; from openapi_spec_validator import validate\n"
        "validate(json.loads(open(sys.argv[1]).read())); print('sound')"
    )
    path = sdk.FOLDER / "openapi.json"
    path.write_text(document.text(), encoding="utf-8")
    assert sdk.run(python, script, str(path)) == "sound\n"


def test_the_document_is_open_to_all(port: int) -> None:
    answer = call(port, "GET", f"{ROOT}/openapi.json", None, {})
    assert answer.status == 200
    assert answer.told == DOCUMENT


def _revoke(token: Token) -> None:
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])


def _expire(token: Token) -> None:
    token.expires_at = clock.now()
    token.save(update_fields=["expires_at"])


def _dismiss(token: Token) -> None:
    token.user.role = Role.NONE
    token.user.save(update_fields=["role"])


def _disable(token: Token) -> None:
    token.user.is_active = False
    token.user.save(update_fields=["is_active"])


@pytest.mark.parametrize("end", [_revoke, _expire, _dismiss, _disable])
def test_a_token_that_has_ended_opens_nothing(caller: Caller, end: Any) -> None:
    assert caller.get("/accounts").status == 200
    end(Token.objects.select_related("user").get())
    answer = caller.get("/accounts")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_in_the_address_or_a_cookie_opens_nothing(
    caller: Caller, sample: Sample
) -> None:
    nobody = caller.with_token("")
    assert nobody.get(f"/accounts?access_token={caller.token}").status == 401
    assert nobody.get("/accounts", Cookie=f"session={caller.token}").status == 401


def test_a_wrong_letter_is_found_without_asking_the_database(caller: Caller) -> None:
    wrong = caller.token[:-1] + ("a" if caller.token[-1] != "a" else "b")
    assert caller.with_token(wrong).get("/accounts").status == 401
    assert caller.with_token("mnt_p_é").get("/accounts").status == 401
