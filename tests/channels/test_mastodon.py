"""What is particular to Mastodon, against a fake server tested with Mastodon.py."""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from menting.channels import base
from menting.channels.base import EventType, Outgoing, Peer
from menting.channels.mastodon import notices, session
from menting.channels.mastodon.channel import Mastodon, MastodonSecret, streaming
from tests.contract.mastodon import MastodonRig, mastodon_rig
from tests.contract.rig import Vault, listening
from tests.fakes.mastodon import FakeMastodon
from tests.servers import proxy

SERVER = "https://mastodon.example"


@pytest.fixture
async def rig(mastodon: FakeMastodon) -> AsyncIterator[MastodonRig]:
    """Give a fake server and the channel."""
    async with mastodon_rig(mastodon) as made:
        yield made


async def _open(rig: MastodonRig) -> base.Session:
    return await rig.channel.open(await rig.account(), Vault().keep)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"server": "mastodon.example", "token": "x"}, "http"),
        ({"server": SERVER, "token": ""}, "at least 1"),
        ({"server": SERVER, "token": "x", "visibility": "direct"}, "public"),
        ({"server": SERVER, "token": "x", "calls": "0"}, "greater"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        MastodonSecret.model_validate(columns)


def test_empty_columns_mean_the_usual() -> None:
    made = MastodonSecret.model_validate(
        {"server": SERVER, "token": "x", "visibility": "", "calls": ""}
    )
    assert (made.visibility, made.calls) == ("public", 300)


async def test_a_handle_without_its_server_needs_an_operator(rig: MastodonRig) -> None:
    account = dataclasses.replace(await rig.account(), handle="shop")
    with pytest.raises(base.AuthFailed, match="@name@server"):
        await rig.channel.open(account, Vault().keep)


async def test_another_account_s_token_is_not_used(rig: MastodonRig) -> None:
    mine, other = await rig.account(), await rig.account()
    stolen = dataclasses.replace(mine, secret=other.secret)
    with pytest.raises(base.AuthFailed, match="another account"):
        await rig.channel.open(stolen, Vault().keep)


async def test_an_account_that_a_moderator_froze_is_banned(rig: MastodonRig) -> None:
    account = await rig.account()
    rig.server.users[account.handle[1:].partition("@")[0]].disabled = True
    with pytest.raises(base.AuthFailed) as failed:
        await rig.channel.open(account, Vault().keep)
    assert failed.value.banned


async def test_a_token_without_the_right_to_write_needs_an_operator(
    rig: MastodonRig,
) -> None:
    shop, human = await _open(rig), await rig.human()
    told = {"error": "This action is outside the authorized scopes"}
    fault = proxy.answer_with(403, json.dumps(told).encode())
    rig.server.faults.once(rig.send_part, fault)
    with pytest.raises(base.AuthFailed, match="read and write") as failed:
        await shop.send(Peer(human.id), Outgoing("key-scope", "hello"))
    assert not failed.value.banned


async def test_a_server_before_4_0_says_nothing_of_itself(rig: MastodonRig) -> None:
    account = await rig.account()
    rig.server.faults.always("/api/v2/instance", proxy.answer_with(404, b"{}"))
    shop = await rig.channel.open(account, Vault().keep)
    assert shop.profile.id == account.handle
    with pytest.raises(base.Refused, match="501 characters, the server takes 500"):
        await shop.post(Peer("", "wall"), Outgoing("key-long", "x" * 501))


async def test_the_server_is_asked_for_its_rules_once(rig: MastodonRig) -> None:
    await asyncio.gather(*[_open(rig) for _ in range(3)])
    await _open(rig)
    asked = [line for line in rig.server.faults.seen if "/instance" in line]
    assert len(asked) <= 3


@pytest.mark.parametrize(
    ("server", "told", "used"),
    [
        ("https://m.example", "wss://stream.m.example", "wss://stream.m.example"),
        ("https://m.example", "ws://stream.m.example", "https://m.example"),
        ("https://m.example", None, "https://m.example"),
        ("http://127.0.0.1:1", "ws://127.0.0.1:2", "ws://127.0.0.1:2"),
    ],
)
def test_no_stream_takes_a_token_in_the_clear(server: str, told: object, used: str) -> None:
    assert streaming(told, server) == used


def test_accounts_of_one_server_share_one_limit() -> None:
    channel = Mastodon()
    bonds = {
        channel.bond(handle, {"server": SERVER})
        for handle in ("@a@b.example", "@c@b.example")
    }
    [bond] = bonds
    assert SERVER in bond.name
    assert bond.rate.interval == 2_000_000  # half of 300 in five minutes


def test_many_listening_accounts_look_less_often() -> None:
    host = session.Host()
    assert host.pause(each=2.0) == session.LOOK_SECONDS
    with contextlib.ExitStack() as listening_now:
        for _ in range(100):
            listening_now.enter_context(host.listening())
        assert host.pause(each=2.0) == 200.0
    assert host.pause(each=2.0) == session.LOOK_SECONDS


async def test_a_follower_is_a_contact_who_has_not_written(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    person, us = rig.users(human, account)
    async with listening(shop) as heard:
        await rig.server.follow(person, us)
        await rig.server.follow(person, us, "follow_request")
        await rig.server.follow(person, us, "favourite")
        await heard.until(lambda now: len(now) == 2)
    assert {event.type for event in heard.events} == {EventType.JOINED}
    assert {event.peer.id for event in heard.events} == {human.id}


async def test_what_others_read_is_no_dialogue(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    person, us = rig.users(human, account)
    third = rig.server.add("wang@third.example", "Wang")
    async with listening(shop) as heard:
        await rig.server.mention(person, us, "before all", visibility="public")
        await rig.server.mention(person, us, f"and @{third.acct}")
        await rig.server.mention(person, us, "to you alone")
        await heard.texts(3)
    assert [event.audience for event in heard.events] == [
        *(notices.UNKNOWN_AUDIENCE, 2),
        1,
    ]
    places = [event.peer.id for event in heard.events]
    assert places == [f"public:{human.id}", f"public:{human.id}", human.id]
    await shop.send(Peer(places[0]), Outgoing("key-public", "thanks"))
    assert await human.received(human.id, account) == ["thanks"]


async def test_strangers_whom_the_server_sets_aside_are_heard(
    rig: MastodonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOOK_SECONDS", 0.05)
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    rig.users(human, account)[1].filters_strangers = True
    async with listening(shop) as heard:
        await human.greet(account, "may I ask")
        assert await heard.texts(1) == ["may I ask"]


async def test_a_server_without_streams_is_asked_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "LOOK_SECONDS", 0.05)
    async with FakeMastodon(streaming=False).running() as server:
        rig = MastodonRig(server)
        account, human = await rig.account(), await rig.human()
        shop = await rig.channel.open(account, Vault().keep)
        async with listening(shop) as heard:
            await human.greet(account, "hello")
            assert await heard.texts(1) == ["hello"]
        await rig.channel.aclose()


async def test_a_burst_costs_few_looks(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    async with listening(shop) as heard:
        await human.greet(account, "hello")
        for number in range(200):
            await human.write(human.id, str(number))
        await heard.texts(201)
    looks = [line for line in rig.server.faults.seen if rig.listen_part in line]
    assert len(looks) < 100


async def test_what_was_said_before_the_first_sign_in_is_no_news(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    await human.greet(account, "old")
    async with listening(await rig.channel.open(account, Vault().keep)) as heard:
        await human.write(human.id, "new")
        assert await heard.texts(1) == ["new"]


async def test_a_warning_before_a_text_is_of_it(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    person, us = rig.users(human, account)
    async with listening(shop) as heard:
        await rig.server.mention(person, us, "soup", spoiler_text="food")
        assert await heard.texts(1) == ["food\n\nsoup"]
