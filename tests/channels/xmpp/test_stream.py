"""Acknowledgements and sign-in, without a server."""

import base64
import secrets
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.util.sasl.client import SASLCancelled

from menting.channels.xmpp import scram
from menting.channels.xmpp.acks import Acks, Taken


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40))
async def test_an_acknowledgement_settles_what_was_written_before_and_no_more(
    asked: list[bool], counted: int
) -> None:
    counters, futures = Acks(), []
    counters.start()
    for number, is_asked in enumerate(asked, start=1):
        taken = Taken() if is_asked else None
        counters.count_sent(taken)
        if taken is not None:
            futures.append((number, taken))
    counters.hear_ack(Element("a", h=str(counted)))
    assert all(taken.done() is (number <= counted) for number, taken in futures)


async def test_a_broken_acknowledgement_settles_nothing() -> None:
    counters, taken = Acks(), Taken()
    counters.count_sent(taken)
    for told in ("", "-1", "many", "1e9"):
        counters.hear_ack(Element("a", h=told))
    assert not taken.done()


def test_only_what_is_stored_is_acknowledged() -> None:
    counters = Acks()
    counters.agree()
    for is_told in (False, True, True, False):
        counters.count_heard()
        if is_told:
            counters.hold()
    assert "h='1'" in counters.answer()
    counters.let_go(1)
    assert counters.has_news()
    assert "h='2'" in counters.answer()
    counters.let_go(1)
    assert "h='4'" in counters.answer()
    assert not counters.has_news()


def _mechanism() -> scram.FastScram:
    credentials = {
        "username": b"user",
        "password": b"pencil",
        "authzid": b"",
        "channel_binding": b"",
    }
    security = {"encrypted": True, "binding_proposed": True, "tls_version": "TLSv1.3"}
    # slixmpp's constructor is not typed.
    return scram.FastScram(  # type: ignore[no-untyped-call]
        "SCRAM-SHA-256", credentials, security
    )


def test_the_exchange_of_rfc_7677_comes_out_as_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nonce = b"rOprNGfwEbeRWgbNEkqO"
    monkeypatch.setattr(secrets, "token_bytes", lambda _size: base64.b64decode(nonce))
    made = _mechanism()
    assert made.process(b"") == b"n,,n=user,r=" + nonce
    both = nonce + b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    challenge = b"r=" + both + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    proof = b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert made.process(challenge) == b"c=biws,r=" + both + proof
    made.process(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")  # else it would raise


def test_a_nonce_is_never_drawn_twice_and_stands_in_the_first_message() -> None:
    firsts = {_mechanism().process(b"") for _ in range(20)}
    assert len(firsts) == 20
    made = _mechanism()
    first = made.process(b"")
    assert first.startswith(b"n,,n=user,r=")
    assert first.endswith(b"r=" + made.cnonce)
    assert len(made.cnonce) == 32


@pytest.mark.parametrize("rounds", [0, -1, scram.MOST_ROUNDS + 1])
def test_a_server_that_asks_for_endless_work_is_refused(rounds: int) -> None:
    with pytest.raises(SASLCancelled):
        _mechanism().Hi("pencil", b"salt", rounds)
