"""Interactions by webhook."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap, EventType
from menting.channels.discord.channel import Discord
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from tests.channels.discord.acts import sign_in, with_options
from tests.contract.discord import DiscordRig

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
ME = "1180123456789012345"
ACCOUNT = base.Account(
    1, ME, "Shop", secret={"token": "MTA.x"}, options={"public_key": PUBLIC}
)
LIN = {"id": "1180000000000000001", "username": "lin", "global_name": "Lin"}
USED = {
    "id": "1180123456789099999",
    "application_id": ME,
    "type": 2,
    "channel_id": "1180123456789088888",
    "context": 1,
    "user": LIN,
    "data": {"name": "start"},
}


def _signed(body: bytes, *, late: float = 0.0, key: Ed25519PrivateKey = KEY) -> Hook:
    now = clock.now()
    stamp = str(int((now - timedelta(seconds=late)).timestamp()))
    signature = key.sign(stamp.encode() + body).hex()
    headers = {"x-signature-ed25519": signature, "x-signature-timestamp": stamp}
    return Hook("POST", ME, {}, headers, body, now)


def _taken(told: dict[str, Any]) -> tuple[Any, HookAnswer]:
    answer = Discord().take_hook(_signed(json.dumps(told).encode()), ACCOUNT)
    return json.loads(answer.body), answer


def test_a_ping_is_answered_as_discord_wants_it() -> None:
    said, answer = _taken({"id": "7", "application_id": ME, "type": 1, "version": 1})
    assert (said, answer.status) == ({"type": 1}, 200)
    assert answer.content_type == "application/json"
    assert answer.events == {ME: ()}


def test_a_command_in_a_direct_conversation_opens_it() -> None:
    said, answer = _taken(USED)
    [event] = answer.events[ME]
    assert (event.type, event.sender.name) == (EventType.JOINED, "Lin")
    assert (event.peer.id, event.audience) == (USED["channel_id"], 1)
    assert said["data"]["flags"] == 64  # seen by nobody else


def test_a_button_in_a_guild_is_no_dialogue() -> None:
    told = {**USED, "type": 3, "context": 0, "user": None, "member": {"user": LIN}}
    said, answer = _taken(told)
    [event] = answer.events[ME]
    assert (said, event.audience > 1) == ({"type": 6}, True)


@pytest.mark.parametrize(
    "changed",
    [{"context": 2}, {"context": None}, {"user": None}, {"user": LIN | {"bot": True}}],
)
def test_what_is_not_said_to_the_account_makes_no_contact(changed: dict[str, Any]) -> None:
    _, answer = _taken({**USED, **changed})
    assert answer.events == {ME: ()}


def test_a_forged_or_old_request_is_refused() -> None:
    body = json.dumps(USED).encode()
    good = _signed(body)
    other = Ed25519PrivateKey.generate()
    nothing = Hook("POST", ME, {}, {}, body, clock.now())
    strange = Hook(
        "POST", ME, {}, {**good.headers, "x-signature-ed25519": "zz"}, body, good.at
    )
    changed = Hook("POST", ME, {}, good.headers, body + b" ", good.at)
    for hook in (
        *(nothing, strange, changed),
        *(_signed(body, key=other), _signed(body, late=301), _signed(body, late=-301)),
    ):
        with pytest.raises(ForgedError):
            Discord().take_hook(hook, ACCOUNT)


def test_without_a_public_key_nothing_is_proven() -> None:
    keyless = base.Account(1, ME, "Shop", secret={"token": "MTA.x"})
    with pytest.raises(ForgedError):
        Discord().take_hook(_signed(json.dumps(USED).encode()), keyless)


@pytest.mark.parametrize("changed", [{"type": 5}, {"id": "x"}, {"channel_id": ""}])
def test_an_unknown_form_is_malformed(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        _taken({**USED, **changed})


@given(st.binary(max_size=40))
def test_no_body_that_is_proven_breaks_the_hook(body: bytes) -> None:
    with pytest.raises(MalformedError):
        Discord().take_hook(_signed(body), ACCOUNT)


def test_a_webhook_for_nobody_is_malformed() -> None:
    assert Discord().addressee(_signed(b"{}")) == ME
    with pytest.raises(MalformedError):
        Discord().addressee(Hook("POST", "../7", {}, {}, b"{}", clock.now()))


async def test_who_opens_a_conversation_is_told_where_interactions_are(
    rig: DiscordRig,
) -> None:
    account = await rig.account()
    assert Cap.FOLLOW not in (await sign_in(rig, account)).caps
    opened = await sign_in(rig, with_options(account, public_key=PUBLIC))
    assert Cap.FOLLOW in opened.caps
