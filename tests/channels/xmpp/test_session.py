"""What is XMPP's own, against a real Prosody."""

import asyncio
import dataclasses
import logging
import re

import pytest

from menting.channels import base
from menting.channels.base import EventType, Outgoing, Peer
from menting.channels.xmpp import session as sessions
from menting.channels.xmpp.channel import Xmpp
from menting.cli.demo.prosody import Prosody
from tests.contract.rig import Vault, at, listening, reopened
from tests.contract.xmpp import SENT, XmppRig
from tests.servers.jabber import Person

pytestmark = pytest.mark.prosody


def _with(account: base.Account, **options: object) -> base.Account:
    return dataclasses.replace(account, options={**account.options, **options})


async def _owner(prosody: Prosody, account: base.Account, device: str) -> Person:
    owner = Person(prosody, account.handle.partition("@")[0], device)
    await owner.sign_in()
    return owner


@pytest.mark.parametrize(
    ("options", "secret", "reason"),
    [
        ({"tls": False, "host": "xmpp.example.org"}, {"password": "p"}, "loopback"),
        ({"tls": False}, {"password": "p"}, "loopback"),
        ({"component": "10.0.0.1:5347"}, {"component_secret": "s"}, "loopback"),
        ({"component": "127.0.0.1"}, {"component_secret": "s"}, "HOST:PORT|loopback"),
        ({}, {}, "password"),
        ({"component": "127.0.0.1:1"}, {"password": "p", "component_secret": "s"}, "pass"),
        (
            {"component": "127.0.0.1:1", "microblog": True},
            {"component_secret": "s"},
            "blog",
        ),
    ],
)
async def test_an_account_that_cannot_be_meant_needs_an_operator(
    options: dict[str, object], secret: dict[str, str], reason: str
) -> None:
    account = base.Account(1, "shop@example.org", "Shop", secret, options)
    with pytest.raises(base.AuthFailed, match=reason):
        await Xmpp().open(account, Vault().keep)


@pytest.mark.parametrize(
    "handle", ["", "example.org", "Shop@example.org", "a@b/phone", "@"]
)
async def test_a_handle_is_a_plain_address(handle: str) -> None:
    account = base.Account(1, handle, "Shop", {"password": "p"})
    with pytest.raises(base.AuthFailed, match="name@server"):
        await Xmpp().open(account, Vault().keep)


async def test_who_follows_is_let_follow_and_never_followed_back(rig: XmppRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        await human.follow(account.handle)
        await heard.until(lambda now: len(now) == 1)
        await human.sync()
    assert [event.type for event in heard.events] == [EventType.JOINED]
    assert ("subscribe", account.handle, "") not in human.heard


async def test_who_asked_to_follow_while_the_account_was_away_is_told(
    rig: XmppRig,
) -> None:
    account, human = await rig.account(), await rig.human()
    await human.presence(account.handle, "subscribe")
    for _ in range(2):  # an option: it is not answered, so the server tells it again
        silent = _with(account, accept_subscriptions=False)
        session = await rig.channel.open(silent, Vault().keep)
        async with listening(session) as heard:
            [event] = await heard.until(lambda now: len(now) == 1)
    assert (event.type, event.peer.id) == (EventType.JOINED, human.id)
    assert ("subscribed", account.handle, "") not in human.heard


async def test_a_stop_to_another_device_is_heard_and_own_words_are_not(
    rig: XmppRig, prosody: Prosody
) -> None:
    account, human = await rig.account(), await rig.human()
    owner = await _owner(prosody, account, "laptop")
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        await human.greet(account, "hello")
        await owner.say(human.id, "this is the owner")
        await human.say(f"{account.handle}/laptop", "stop")
        assert await heard.texts(2) == ["hello", "stop"]
    assert {event.sender.id for event in heard.events} == {human.id}
    await owner.sign_out()


async def test_whoever_blocked_the_account_refuses(rig: XmppRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    await human.block(account.handle)
    with pytest.raises(base.Refused, match="service-unavailable") as refused:
        await session.send(at(human.id), Outgoing("key-blocked", "hello"))
    assert refused.value.permanent
    await session.close()


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "never seen"])
async def test_what_was_written_into_a_broken_line_is_looked_for_first(
    rig: XmppRig, taken: bool
) -> None:
    account, human, vault = await rig.account(), await rig.human(), Vault()
    session = await rig.channel.open(account, vault.keep)
    (rig.proxy.cut_answer if taken else rig.proxy.cut)(SENT)
    with pytest.raises(base.Uncertain):
        await session.send(at(human.id), Outgoing("key-broken", "once"))
    await session.close()
    session = await reopened(rig.channel, account, vault)
    for _ in range(2):
        again = Outgoing("key-broken", "once", again=True)
        assert (await session.send(at(human.id), again)).message_id
    assert await human.received("", account) == ["once"]
    await session.close()


async def test_a_message_is_found_again_after_a_change_of_password(rig: XmppRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    sent = await session.send(at(human.id), Outgoing("key-kept", "once"))
    await session.close()
    account = rig.with_new_password(account)
    session = await rig.channel.open(account, Vault().keep)
    again = await session.send(at(human.id), Outgoing("key-kept", "once", again=True))
    assert again.message_id == sent.message_id
    assert await human.received("", account) == ["once"]
    await session.close()


async def test_a_message_is_found_among_hundreds_that_came_after_it(rig: XmppRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    first = await session.send(at(human.id), Outgoing("key-first", "first"))
    human_writes = [human.say(account.handle, f"word {n}") for n in range(250)]
    await asyncio.gather(*human_writes)
    again = await session.send(at(human.id), Outgoing("key-first", "first", again=True))
    assert again.message_id == first.message_id
    assert await human.received("", account) == ["first"]
    await session.close()


async def test_without_an_archive_nothing_unknown_is_written_again(rig: XmppRig) -> None:
    account, human = await rig.account(), await rig.human()
    rig.proxy.always(lambda told: told.replace(b"urn:xmpp:mam:2", b"urn:xmpp:mam:0"))
    session = await rig.channel.open(account, Vault().keep)
    with pytest.raises(base.Uncertain, match="no archive"):
        await session.send(at(human.id), Outgoing("key-again", "once", again=True))
    assert await human.received("", account) == []
    await session.close()


async def test_without_an_archive_what_waited_at_the_server_is_heard(rig: XmppRig) -> None:
    account, human = await rig.account(), await rig.human()
    rig.proxy.always(lambda told: told.replace(b"urn:xmpp:mam:2", b"urn:xmpp:mam:0"))
    await human.greet(account, "are you there?")
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        assert await heard.texts(1) == ["are you there?"]


async def test_without_acknowledgements_a_ping_tells_that_a_message_was_taken(
    rig: XmppRig,
) -> None:
    account, human = await rig.account(), await rig.human()
    rig.proxy.always(lambda told: told.replace(b"urn:xmpp:sm:3", b"urn:xmpp:sm:0"))
    session = await rig.channel.open(account, Vault().keep)
    await session.send(at(human.id), Outgoing("key-ping", "taken"))
    assert await human.received("", account) == ["taken"]
    with pytest.raises(base.Refused):
        await session.send(at(rig.nowhere), Outgoing("key-nobody", "hello"))
    await session.close()


async def test_a_place_that_the_archive_no_longer_holds_is_found_by_its_time(
    rig: XmppRig,
) -> None:
    account, human = await rig.account(), await rig.human()
    await human.greet(account, "hello")
    session = await rig.channel.open(account, Vault().keep)
    gone = b'{"after":"removed","at":"2026-01-01T00:00:00Z"}'
    async with listening(session, gone) as heard:
        assert await heard.texts(1) == ["hello"]
        await heard.until(lambda _now: heard.resume != gone)


async def test_the_same_account_signed_in_elsewhere_ends_the_older_session(
    rig: XmppRig,
) -> None:
    account = await rig.account()
    older = await rig.channel.open(account, Vault().keep)
    newer = await rig.channel.open(account, Vault().keep)
    with pytest.raises(base.Unreachable, match="conflict"):
        await older.listen(_store_nothing, b"")
    assert (await newer.fetch_profile(account.handle)).id == account.handle
    await older.close()
    await newer.close()


async def _store_nothing(_events: list[base.Event], _resume: bytes) -> None:
    """Store nothing."""


async def test_a_server_that_went_silent_is_found_out(
    rig: XmppRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PING_SECONDS", 0.2)
    rig.hasten(monkeypatch)
    session = await rig.channel.open(await rig.account(), Vault().keep)
    rig.proxy.hold_answer(b"urn:xmpp:ping")
    with pytest.raises(base.Uncertain, match="in time"):
        await session.listen(_store_nothing, b"")
    await session.close()


async def test_a_post_asked_for_again_stands_once(rig: XmppRig) -> None:
    account, wall = await rig.walled()
    session = await rig.channel.open(account, Vault().keep)
    for again in (False, True, False):
        await session.post(Peer(wall, "wall"), Outgoing("key-post", "open", again=again))
    await session.post(Peer(wall, "wall"), Outgoing("key-other", "closed"))
    assert await rig.on_wall(account, wall) == ["open", "closed"]
    await session.close()


async def test_a_wall_that_only_followers_saw_is_opened_to_all(
    rig: XmppRig, prosody: Prosody
) -> None:
    account, wall = await rig.walled()
    owner = await _owner(prosody, account, "laptop")
    await owner.publish("before", "private")
    session = await rig.channel.open(account, Vault().keep)
    await session.post(Peer(wall, "wall"), Outgoing("key-post", "open"))
    assert await rig.on_wall(account, wall) == ["private", "open"]
    await session.close()
    await owner.sign_out()


async def test_a_post_that_the_server_drops_in_silence_is_refused(rig: XmppRig) -> None:
    account, wall = await rig.walled()
    session = await rig.channel.open(account, Vault().keep)
    rig.proxy.always(lambda told: re.sub(rb"<item .*?</item>", b"", told))
    with pytest.raises(base.Refused, match="did not keep"):
        await session.post(Peer(wall, "wall"), Outgoing("key-post", "lost"))
    await session.close()


async def test_a_closed_session_leaves_nothing_running(
    rig: XmppRig, prosody: Prosody
) -> None:
    account = _with(await rig.account(), port=prosody.ports.client)
    before = asyncio.all_tasks()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session):
        pass
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    with pytest.raises(base.Unreachable):
        await session.send(at("ann@localhost"), Outgoing("key", "text"))


async def test_the_library_logs_nothing_of_what_people_write(rig: XmppRig) -> None:
    assert not logging.getLogger("slixmpp.xmlstream.xmlstream").isEnabledFor(logging.ERROR)
    account = await rig.account()
    assert account.secret["password"] not in repr(account)
