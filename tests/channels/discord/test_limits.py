"""The limits of routes, bots and IPs."""

import json

import pytest

from menting.channels import base
from menting.channels.base import Outgoing, Peer
from menting.channels.discord import limits
from tests.channels.discord.acts import Talk
from tests.contract.rig import Vault
from tests.fakes.discord_api import LIMIT, WINDOW_SECONDS
from tests.fakes.discord_state import DM
from tests.servers import proxy


async def test_an_empty_bucket_is_not_asked_of(talk: Talk) -> None:
    for number in range(LIMIT):
        await talk.send(f"key-{number}")
    asked = len(talk.rig.discord.api.calls)
    with pytest.raises(base.Throttled) as throttled:
        await talk.send("key-more")
    assert throttled.value.of_peer
    assert 0 < throttled.value.retry_after <= WINDOW_SECONDS
    assert len(talk.rig.discord.api.calls) == asked
    bot = talk.bot()
    other = talk.rig.discord.channel(bot, DM)
    await talk.session.send(Peer(other.id), Outgoing("key-other", "hello"))


def _limited(*, is_global: bool, scope: str = "user") -> proxy.Fault:
    told = {"message": "limited", "retry_after": 4.5, "global": is_global}
    headers = {"Retry-After": "5", "X-RateLimit-Scope": scope}
    return proxy.answer_with(429, json.dumps(told).encode(), headers)


@pytest.mark.parametrize("is_global", [True, False])
async def test_a_wait_is_of_the_bot_or_of_the_channel(
    talk: Talk, *, is_global: bool
) -> None:
    talk.rig.proxy.once("/messages", _limited(is_global=is_global))
    with pytest.raises(base.Throttled) as throttled:
        await talk.send()
    assert throttled.value.retry_after == 4.5
    assert throttled.value.of_peer is not is_global
    with pytest.raises(base.Throttled) as kept:  # without asking again
        await talk.send()
    assert 4 < kept.value.retry_after <= 4.5
    assert (kept.value.of_peer, talk.last()["content"]) == (not is_global, "a question")


async def test_a_whole_ip_that_is_shut_out_waits(talk: Talk) -> None:
    fault = proxy.answer_with(429, b"<html>1015</html>", {"Retry-After": "600"})
    talk.rig.proxy.once("/messages", fault)
    with pytest.raises(base.Throttled) as throttled:
        await talk.send()
    assert (throttled.value.retry_after, throttled.value.of_peer) == (600, False)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, base.AuthFailed), (500, base.Uncertain), (503, base.Uncertain)],
)
async def test_a_token_that_was_reset_needs_an_operator(
    talk: Talk, status: int, error: type[Exception]
) -> None:
    told = b'{"message": "401: Unauthorized", "code": 0}'
    talk.rig.proxy.once("/messages", proxy.answer_with(status, told))
    with pytest.raises(error):
        await talk.send()


async def test_a_message_without_an_id_is_uncertain(talk: Talk) -> None:
    talk.rig.proxy.once("/messages", proxy.answer_with(200, b"{}"))
    with pytest.raises(base.Uncertain):
        await talk.send()


async def test_refusals_of_all_accounts_are_counted_before_the_ip_is_shut_out(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BAD", 3)
    talk.bot().channels[talk.asked.peer.id].closed = 50007
    for _ in range(2):
        with pytest.raises(base.Refused):
            await talk.send()
    talk.rig.proxy.once("/messages", _limited(is_global=False, scope="shared"))
    with pytest.raises(base.Throttled):
        await talk.send()  # is not held against us
    other = await talk.rig.account()
    with pytest.raises(base.AuthFailed):
        await talk.rig.channel.open(talk.rig.wrong(other), Vault().keep)
    asked = len(talk.rig.discord.api.calls)
    with pytest.raises(base.Throttled, match="refused") as throttled:
        await talk.rig.channel.open(other, Vault().keep)
    assert 540 < throttled.value.retry_after <= 660
    assert len(talk.rig.discord.api.calls) == asked
