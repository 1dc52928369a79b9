"""WeCom's callbacks: the documentation's vectors, forgeries, and what is no callback."""

import contextlib
import dataclasses
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.hook import ForgedError, Hook, MalformedError
from menting.channels.wecom import callback, crypto
from menting.channels.wecom.channel import WeCom
from tests.fakes.wecom import FakeWeCom

#: developer.work.weixin.qq.com, path/90968, and the sample that goes with it.
TOKEN = "QDG6eK"
KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CORP = "wx5823bf96d3bd56c7"
ECHO = (
    "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4R"
    "Pcs8TgAE7OaBO+FZXvnaqQ=="
)
ECHO_SIGNED = {
    "msg_signature": "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
    "timestamp": "1409659589",
    "nonce": "263014780",
    "echostr": ECHO,
}
KEYS = callback.Keys(TOKEN, KEY, CORP)


def _check(**changed: str) -> Hook:
    at = datetime.fromtimestamp(1409659600, UTC)
    return Hook("GET", f"{CORP}:wk1", {**ECHO_SIGNED, **changed}, {}, b"", at)


def _hook(server: FakeWeCom, told: dict[str, str], *, at: int | None = None) -> Hook:
    query, body = server.envelope(told, at=at)
    return Hook("POST", f"{server.corp}:wk1", query, {}, body, clock.now())


def _keys(server: FakeWeCom) -> callback.Keys:
    return callback.Keys(server.callback_token, server.callback_key, server.corp)


def test_the_documentation_s_check_of_an_address_is_answered() -> None:
    assert callback.opened(_check(), KEYS) == b"1616140317555161061"


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce", "echostr"])
def test_any_changed_part_is_a_forgery(name: str) -> None:
    changed = ECHO_SIGNED[name][::-1]
    with pytest.raises((ForgedError, MalformedError)):
        callback.opened(_check(**{name: changed}), KEYS)


def test_a_recorded_callback_is_not_taken_later() -> None:
    later = dataclasses.replace(_check(), at=datetime.fromtimestamp(1409660000, UTC))
    with pytest.raises(ForgedError, match="old"):
        callback.opened(later, KEYS)


def test_a_callback_for_another_corp_does_not_open() -> None:
    with pytest.raises(ForgedError, match="open"):
        callback.opened(_check(), KEYS._replace(corp="ww-another"))


def test_another_key_does_not_open_what_the_token_proves() -> None:
    other = KEYS._replace(aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
    with pytest.raises(ForgedError, match="open"):
        callback.opened(_check(), other)


@given(st.binary(max_size=200))
def test_what_was_sealed_is_opened(message: bytes) -> None:
    server = FakeWeCom()
    sealed = server.encrypt(message)
    assert crypto.decrypt(server.callback_key, sealed, receiver=server.corp) == message


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=120))
def test_no_text_opens_by_chance(sealed: str) -> None:
    with pytest.raises(ForgedError):
        crypto.decrypt(KEY, sealed, receiver=CORP)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<xml><Encrypt></Encrypt></xml>",
        b"<xml><Other>x</Other></xml>",
        b"<xml><Encrypt>x</xml>",
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
        b'<!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml><Encrypt>x</Encrypt></xml>',
        b"<xml><Encrypt>&undefined;</Encrypt></xml>",
        "<xml><Encrypt>x</Encrypt></xml>".encode("utf-16")[1:],
    ],
)
def test_what_is_no_envelope_is_malformed(body: bytes) -> None:
    hook = Hook("POST", f"{CORP}:wk1", ECHO_SIGNED, {}, body, clock.now())
    with pytest.raises(MalformedError):
        callback.opened(hook, KEYS)


@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.sampled_from([b"<xml>", b"</xml>", b"<A>", b"</A>", b"<B/>", b"1", b"&lt;"])
        ).map(b"".join),
    )
)
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert isinstance(callback.fields(body), dict)


def test_nested_elements_are_not_taken_for_fields() -> None:
    read = callback.fields(b"<xml><A>1<B>2</B>3</A><C><![CDATA[<d>]]></C></xml>")
    assert read == {"A": "13", "C": "<d>"}


@pytest.mark.parametrize(
    "told",
    [
        {"Event": "change_external_contact", "ChangeType": "add_external_contact"},
        {
            "Event": "change_external_contact",
            "ChangeType": "del_follow_user",
            "UserID": "zhangsan",
            "ExternalUserID": "wm1",
            "CreateTime": "noon",
        },
    ],
)
def test_an_event_that_lacks_a_field_is_malformed(told: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        callback.change(told, corp=CORP)


@pytest.mark.parametrize("kind", ["edit_external_contact", "transfer_fail", "", "new"])
def test_other_changes_say_nothing_of_a_person(kind: str) -> None:
    told = {"Event": "change_external_contact", "ChangeType": kind}
    assert callback.change(told, corp=CORP) is None


def test_a_callback_told_again_has_the_same_id() -> None:
    told = {
        "Event": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "zhangsan",
        "ExternalUserID": "wm1",
        "CreateTime": str(int(time.time())),
    }
    server = FakeWeCom()
    ids = []
    for _ in range(3):
        message = callback.opened(_hook(server, told), _keys(server))
        changed = callback.change(callback.fields(message), corp=server.corp)
        assert changed is not None
        ids.append(changed[1].id)
    assert len(set(ids)) == 1


@pytest.mark.parametrize("path", ["", "ww1", "ww1:wk1/more", "ww 1:wk1", ":", "ww1:"])
def test_an_address_without_an_account_is_malformed(path: str) -> None:
    hook = Hook("POST", path, {}, {}, b"", clock.now())
    with pytest.raises(MalformedError, match="CORPID:NAME"):
        WeCom().addressee(hook)
