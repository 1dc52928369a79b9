"""QQ's webhooks: the documentation's vectors, and what is not believed."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.base import Account
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from menting.channels.qq import hook as hooks
from menting.channels.qq.channel import QQ

#: https://bot.q.qq.com/wiki/develop/api-v2/dev-prepare/interface-framework/sign.html
SECRET = "DG5g3B4j9X2KOErG"
CHECK = {
    "d": {"plain_token": "Arq0D5A61EgUu4OxUvOp", "event_ts": "1725442341"},
    "op": 13,
}
SIGNATURE = (
    "87befc99c42c651b3aac0278e71ada338433ae26fcb24307bdc5ad38c1adc2d0"
    "1bcfcadc0842edac85e85205028a1132afe09280305f13aa6909ffc2d652c706"
)
#: The second example of the page. Its signature is over the body with two blanks of
#: indentation, which the page does not show so.
DEMO_SECRET = "naOC0ocQE3shWLAfffVLB1rhYPG7"
DEMO_PUBLIC = "d7c362fe78aef81ff23287b493628b5db02a3c4fe30b215e4d19609b5d76673a"
DEMO_BODY = b'{\n  "op": 0,\n  "d": {},\n  "t": "GATEWAY_EVENT_NAME"\n}'
DEMO_SIGNATURE = (
    "865ad13a61752ca65e26bde6676459cd36cf1be609375b37bd62af366e1dc25a"
    "8dc789ba7f14e017ada3d554c671a911bfdf075ba54835b23391d509579ed002"
)
AT = datetime.fromtimestamp(1725442341, tz=UTC)
APPID = "102000001"
FRIEND = {
    "op": 0,
    "id": "FRIEND_ADD:1",
    "s": 1,
    "t": "FRIEND_ADD",
    "d": {"openid": "A1", "timestamp": 1725442341, "scene_param": "spring"},
}


def _hook(
    payload: Any, *, secret: str = SECRET, at: datetime = AT, signed: bool = True
) -> Hook:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"x-bot-appid": APPID}
    if signed:
        stamp = str(int(at.timestamp()))
        signature = hooks.key_of(secret).sign(stamp.encode() + body).hex()
        headers |= {"x-signature-timestamp": stamp, "x-signature-ed25519": signature}
    return Hook("POST", "", {}, headers, body, at)


def _take(hook: Hook, **secret: str) -> HookAnswer:
    account = Account(1, APPID, "Shop", secret or {"secret": SECRET})
    return QQ().take_hook(hook, account)


def _with(hook: Hook, **headers: str) -> Hook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(hook, headers={**hook.headers, **named})


@pytest.mark.parametrize("signed", [True, False])
def test_the_check_of_the_address_is_answered_as_documented(signed: bool) -> None:
    answer = _take(_hook(CHECK, signed=signed))
    told = json.loads(answer.body)
    assert told == {"plain_token": "Arq0D5A61EgUu4OxUvOp", "signature": SIGNATURE}
    assert answer.content_type.startswith("application/json")
    assert not answer.events


def test_the_documented_event_is_proven_by_its_documented_signature() -> None:
    public = hooks.key_of(DEMO_SECRET).public_key()
    assert public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex() == DEMO_PUBLIC
    stamp = {"x_signature_timestamp": "1725442341", "x_signature_ed25519": DEMO_SIGNATURE}
    hook = _with(_hook(DEMO_BODY), **stamp)
    answer = _take(hook, secret=DEMO_SECRET)
    assert json.loads(answer.body) == {"op": 12}
    with pytest.raises(ForgedError):
        _take(hook)


def test_an_event_is_told_to_the_bot_it_concerns() -> None:
    hook = _hook(FRIEND)
    assert QQ().addressee(hook) == APPID
    answer = _take(hook)
    assert json.loads(answer.body) == {"op": 12}
    [[handle, [event]]] = answer.events.items()
    assert (handle, event.id, event.source) == (APPID, "event:FRIEND_ADD:1", "spring")


@pytest.mark.parametrize("appid", ["", "abc", "12 3", "1" * 21, "12\n"])
def test_a_hook_that_names_no_bot_is_malformed(appid: str) -> None:
    with pytest.raises(MalformedError):
        QQ().addressee(_with(_hook(FRIEND), x_bot_appid=appid))


def test_only_the_bots_own_secret_proves_an_event() -> None:
    with pytest.raises(ForgedError):
        _take(_hook(FRIEND, secret="another"))
    with pytest.raises(ForgedError):
        _take(_hook(FRIEND, signed=False))
    with pytest.raises(ForgedError):
        _take(_hook(FRIEND), secret="")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_signature_ed25519": ""},
        {"x_signature_ed25519": "no hex"},
        {"x_signature_ed25519": "00" * 64},
        {"x_signature_timestamp": ""},
        {"x_signature_timestamp": "1725442342"},
        {"x_signature_timestamp": "now"},
    ],
)
def test_a_changed_header_is_forged(headers: dict[str, str]) -> None:
    with pytest.raises(ForgedError):
        _take(_with(_hook(FRIEND), **headers))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_or_early_request_is_forged(seconds: int) -> None:
    for payload in (FRIEND, CHECK):
        hook = _hook(payload)
        late = dataclasses.replace(hook, at=AT + timedelta(seconds=seconds))
        with pytest.raises(ForgedError):
            _take(late)


@given(st.binary(max_size=200))
def test_no_body_but_the_signed_one_is_believed(body: bytes) -> None:
    hook = dataclasses.replace(_hook(FRIEND), body=body)
    with pytest.raises(ForgedError):
        _take(hook)


@given(st.binary(max_size=60) | st.text().map(str.encode))
def test_a_signed_body_of_another_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        _take(_hook(body, at=clock.now()))


@pytest.mark.parametrize(
    "payload", [{"op": 5}, {"op": 0}, {"op": 0, "t": 7}, {"op": "0"}, [], 7]
)
def test_a_signed_payload_that_is_no_dispatch_is_malformed(payload: object) -> None:
    with pytest.raises(MalformedError):
        _take(_hook(payload))


@given(token=st.text(max_size=40), stamp=st.integers(-400, 400))
def test_the_check_signs_nothing_that_could_prove_an_event(token: str, stamp: int) -> None:
    asked = {
        "plain_token": token,
        "event_ts": str(int(AT.timestamp()) + stamp),
    }
    hook = _hook({"op": 13, "d": asked}, signed=False)
    try:
        answer = _take(hook)
    except (ForgedError, MalformedError):
        return
    stolen = json.loads(answer.body)["signature"]
    body = token.encode()
    assert b"{" not in body
    forged = dataclasses.replace(
        _with(hook, x_signature_ed25519=stolen, x_signature_timestamp=asked["event_ts"]),
        body=body,
    )
    with pytest.raises(MalformedError):
        _take(forged)


def test_a_check_whose_token_is_an_event_is_not_signed() -> None:
    asked = {"plain_token": json.dumps(FRIEND), "event_ts": "1725442341"}
    with pytest.raises(MalformedError):
        _take(_hook({"op": 13, "d": asked}, signed=False))
