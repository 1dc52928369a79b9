"""Whatever is asked, nothing fails here, and answers are as the document says."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menting.api import document
from tests.api.conftest import ROOT, Caller
from tests.console.conftest import Sample
from tests.fakes import sdk

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_at_any_rate", "sample"),
]

PATHS = [
    "/accounts", "/accounts/{}", "/people", "/people/{}", "/people/{}/consents",
    "/campaigns", "/campaigns/{}", "/campaigns/{}/deliveries", "/visits",
    "/visits/series", "/visits/top/{}", "/spaces",
]  # fmt: skip
ANY_TEXT = st.text(max_size=20)
VALUES = (
    ANY_TEXT
    | st.integers().map(str)
    | st.dates().map(str)
    | st.sampled_from(["hour", "visitor", "path", "online", "9999-12-31", "[" * 3000])
    | st.recursive(
        st.none() | st.booleans() | st.integers() | ANY_TEXT,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["all", "any", "not", "field", "is", "in", "since"])
                | ANY_TEXT,
                inner,
                max_size=3,
            )
        ),
    ).map(json.dumps)
)
QUERY = st.dictionaries(
    st.sampled_from(
        ["limit", "cursor", "state", "channel", "segment", "space", "from", "to", "grain",
         "year", "visitor"]
    ),
    VALUES,
    max_size=4,
)  # fmt: skip
SETTINGS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

Body = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["channel", "handle", "name", "password", "ids", "all", "homeserver"]
)


@SETTINGS
@given(path=st.sampled_from(PATHS), value=VALUES, query=QUERY)
def test_no_question_fails(
    caller: Caller, path: str, value: str, query: dict[str, str]
) -> None:
    address = path.format(quote(value, safe="") or "1")
    answer = caller.get(f"{address}?{urlencode(query, errors='replace')}")
    assert answer.status in (200, 400, 404, 422), answer.body


@SETTINGS
@given(
    where=st.sampled_from(
        [("POST", "/accounts"), ("POST", "/accounts/signin"), ("POST", "/accounts/signout"),
         ("PATCH", "/accounts/{}")]
    ),
    body=Body | st.dictionaries(KEYS, Body, max_size=4),
)  # fmt: skip
def test_no_body_fails(
    caller: Caller, sample: Sample, where: tuple[str, str], body: Any
) -> None:
    method, path = where
    path = path.format(sample.account)
    if method == "POST":
        answer = caller.post(path, body)
    else:
        answer = caller.send(method, path, body)
    assert answer.status in (200, 201, 400, 404, 409, 422, 503), answer.body


@SETTINGS
@given(
    raw=st.binary(max_size=80)
    | ANY_TEXT.map(lambda said: f'{{"channel": "{said}"}}'.encode())
)
def test_no_roster_fails(caller: Caller, raw: bytes) -> None:
    for kind in ("text/csv", "application/x-ndjson"):
        answer = caller.ask(
            "POST", "/accounts/import", raw,
            Content_Type=kind, Idempotency_Key=f"{kind}{hash(raw)}",
        )  # fmt: skip
        assert answer.status in (200, 422), answer.body


SCRIPT = """
import json, sys
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

@schemathesis.serializer("text/csv", "application/jsonl", "application/x-ndjson")
def text(context, value):
    return str(value).encode(errors="replace")

port, token, path = sys.argv[1:]
schema = schemathesis.openapi.from_dict(json.load(open(path)))
schema.config.base_url = f"http://127.0.0.1:{port}"
done = 0
for found in schema.get_all_operations():
    operation = found.ok()

    @settings(max_examples=15, deadline=None, database=None, derandomize=True,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case):
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"},
            # No schema can say which cursors and segments there are.
            excluded_checks=[positive_data_acceptance],
        )
    check()
    done += 1
print(done)
"""


def test_every_answer_is_as_the_document_says(caller: Caller) -> None:
    """Schemathesis makes calls from the document, and checks status, media type, shape."""
    python = sdk.python("schemathesis==4.24.2", "hypothesis==6.151.0")
    path = sdk.FOLDER / "schemathesis.json"
    path.write_text(document.text(), encoding="utf-8")
    told = sdk.run(python, SCRIPT, str(caller.port), caller.token, str(path))
    assert told.split()[-1] == "18"
    assert caller.get("/accounts").status == 200
    assert ROOT in path.read_text()
