"""Whatever comes to a webhook's address is refused in words, by every channel."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menting.accounts import template
from menting.base import clock
from menting.channels import base, registry
from menting.channels.hook import ForgedError, Hook, MalformedError

REFUSED = (ForgedError, MalformedError, base.ChannelError)
#: What the platforms sign with, so that values of every form come to the checks.
HEADERS = (
    *("authorization", "content-type", "x-bot-appid", "x-signature-ed25519"),
    *("x-signature-timestamp", "x-telegram-bot-api-secret-token"),
)
TEXT = st.text(max_size=40) | st.sampled_from(["0", "1764000000", "Bearer x", "ab" * 64])
HOOKS = st.builds(
    Hook,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=TEXT | st.sampled_from(["/", "a/unsubscribe/b", "@shop:x/_matrix/app/v1/ping"]),
    query=st.dictionaries(
        st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr"]), TEXT
    ),
    headers=st.dictionaries(st.sampled_from(HEADERS), TEXT),
    body=st.binary(max_size=200)
    | st.sampled_from([b"{}", b"[]", b'{"op":13,"d":{}}', b"<xml></xml>", b"[" * 5000]),
    at=st.just(clock.now()),
)


def _account(name: str) -> base.Account:
    """Make an account of the template's examples, its secrets given as a word."""
    columns = template.columns(name)
    options = {one.name: one.example for one in columns if not one.is_secret}
    secret = {one.name: "sesame" for one in columns if one.is_secret}
    handle = registry.get(name).handle_example
    return base.Account(id=1, handle=handle, name="", secret=secret, options=options)


@pytest.mark.parametrize("name", registry.names())
@settings(max_examples=150, deadline=None)
@given(hook=HOOKS)
def test_no_webhook_of_a_stranger_is_believed_or_breaks_anything(
    name: str, hook: Hook
) -> None:
    channel, account = registry.get(name), _account(name)
    try:
        handle = channel.addressee(hook)
    except REFUSED:
        handle = ""
    assert isinstance(handle, str)
    try:
        answer = channel.take_hook(hook, account)
    except REFUSED:
        return
    # Some platforms are greeted without proof; nothing of it may become an event.
    assert not any(answer.events.values())
