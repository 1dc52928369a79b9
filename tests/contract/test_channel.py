"""What every channel does, whatever its platform."""

import asyncio
import dataclasses

import pytest

from menting.base import clock
from menting.channels import base, registry
from menting.channels.base import EventType, Outgoing
from tests.contract.conftest import RIGS
from tests.contract.rig import AbleRig as Rig
from tests.contract.rig import Heard, Vault, at, listening, reopened

needs = pytest.mark.needs


def test_every_channel_is_held_against_the_contract() -> None:
    # "NAME-WAY" is another way to sign in at the same channel.
    assert {name.partition("-")[0] for name in RIGS} == set(registry.names())


def test_a_channel_is_made_once_in_a_process() -> None:
    for name in registry.names():
        assert registry.get(name) is registry.get(name)
        assert registry.get(name).name == name


def test_an_unknown_channel_is_named_with_those_there_are() -> None:
    with pytest.raises(registry.UnknownChannelError, match=r"pigeon.*matrix"):
        registry.get("pigeon")


async def test_an_account_signs_in_and_may_do_what_its_channel_can_or_less(
    rig: Rig,
) -> None:
    account = await rig.account()
    session = await rig.channel.open(account, Vault().keep)
    assert session.profile.id == account.handle
    assert session.caps | rig.channel.caps == rig.channel.caps
    assert base.Cap.TEXT in session.caps
    await session.close()


@needs("names")
async def test_an_account_knows_its_name(rig: Rig) -> None:
    account = await rig.account("Huaixia Books")
    session = await rig.channel.open(account, Vault().keep)
    assert session.profile.name == "Huaixia Books"
    await session.close()


@needs("tokens")
async def test_a_kept_secret_signs_in_without_the_password(rig: Rig) -> None:
    account, vault = await rig.account(), Vault()
    await rig.channel.open(account, vault.keep)
    kept = rig.without_password(vault.kept[-1])
    again = dataclasses.replace(account, secret=kept)
    session = await rig.channel.open(again, vault.keep)
    assert session.profile.id == account.handle
    assert len(vault.kept) == 1


async def test_a_wrong_secret_waits_for_an_operator(rig: Rig) -> None:
    wrong = rig.wrong(await rig.account())
    with pytest.raises(base.AuthFailed) as failed:
        await rig.channel.open(wrong, Vault().keep)
    assert not failed.value.banned
    assert "wrong" not in str(failed.value)


@needs("tokens")
async def test_an_expired_sign_in_is_renewed_and_kept_before_use(rig: Rig) -> None:
    account, vault = await rig.account(), Vault()
    session = await rig.channel.open(account, vault.keep)
    human = await rig.human()
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        assert await heard.texts(1) == ["hello"]
    await rig.expire(vault.kept[-1])
    await session.send(at(place), Outgoing("key-expired", "after"))
    assert len(vault.kept) == 2
    assert await human.received(place, account) == ["after"]


@needs("tokens")
async def test_an_expired_sign_in_without_a_password_needs_an_operator(
    rig: Rig,
) -> None:
    account, vault = await rig.account(), Vault()
    await rig.channel.open(account, vault.keep)
    await rig.expire(vault.kept[-1])
    kept = rig.without_password(vault.kept[-1])
    with pytest.raises(base.AuthFailed):
        await rig.channel.open(dataclasses.replace(account, secret=kept), vault.keep)


async def test_a_platform_that_is_away_at_the_start_is_unreachable(rig: Rig) -> None:
    account = await rig.account()
    await rig.lose()
    with pytest.raises(base.Unreachable):
        await rig.channel.open(account, Vault().keep)
    await rig.bring_back()
    session = await rig.channel.open(account, Vault().keep)
    assert session.profile.id == account.handle
    await session.close()


async def test_a_lost_platform_ends_the_session_and_a_new_one_hears_again(
    rig: Rig,
) -> None:
    account, human = await rig.account(), await rig.human()
    vault, heard = Vault(), Heard()
    session = await rig.channel.open(account, vault.keep)
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    place = await human.greet(account, "before")
    await heard.texts(1)
    await rig.lose()
    with pytest.raises((base.Unreachable, base.Uncertain)):
        await asyncio.wait_for(task, 15)
    await session.close()
    await rig.bring_back()
    session = await reopened(rig.channel, account, vault)
    async with listening(session, heard.resume) as later:
        await human.write(place, "after")
        await later.until(lambda now: any(e.text == "after" for e in now))


@needs("history")
async def test_nothing_written_while_the_platform_was_away_is_lost(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    vault, heard = Vault(), Heard()
    session = await rig.channel.open(account, vault.keep)
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    place = await human.greet(account, "before")
    await heard.texts(1)
    await rig.lose()
    with pytest.raises((base.Unreachable, base.Uncertain)):
        await task
    written = ["before"]
    for number in range(130):  # more than Matrix tells in a sync, and more than one page
        written.append(f"while away {number}")
        await human.write(place, written[-1])
    await rig.bring_back()
    session = await rig.channel.open(account, vault.keep)
    async with listening(session, heard.resume) as later:
        stored = {event.id for event in heard.events}
        await later.until(lambda now: len({event.id for event in now} - stored) >= 130)
        told = [event.text for event in later.events if event.id not in stored]
        assert sorted(set(told)) == sorted(written[1:])
        assert {event.audience for event in later.events} == {1}


@needs("unseen")
async def test_someone_who_wrote_while_the_account_was_away_is_heard(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    place = await human.greet(account, "are you there?")
    await human.write(place, "I shall wait")
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        assert await heard.texts(2) == ["are you there?", "I shall wait"]
        event = next(item for item in heard.events if item.type is EventType.MESSAGE)
    assert (event.peer.id, event.sender.id, event.audience) == (place, human.id, 1)
    assert abs((clock.now() - event.at).total_seconds()) < 60


@needs("retold")
async def test_an_event_that_could_not_be_stored_is_told_again(rig: Rig) -> None:
    account, human, vault = await rig.account(), await rig.human(), Vault()
    session = await rig.channel.open(account, vault.keep)
    heard = Heard()
    lost: list[base.Event] = []

    async def _fail(events: list[base.Event], resume: bytes) -> None:
        if any(event.type is EventType.MESSAGE for event in events):
            lost.extend(events)
            raise RuntimeError("the disk is full")
        await heard.deliver(events, resume)

    task = asyncio.create_task(session.listen(_fail, b""))
    await heard.first_place()
    await human.greet(account, "hello")
    with pytest.raises(RuntimeError):
        await task
    await session.close()
    session = await reopened(rig.channel, account, vault)
    async with listening(session, heard.resume) as later:
        await later.texts(1)
    assert {item.id for item in later.events} == {item.id for item in lost}


@needs("renames")
async def test_a_new_name_is_told(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        await human.rename("林见山")
        await human.write(place, "it is me")
        await heard.until(lambda now: any(e.sender.name == "林见山" for e in now))
        assert (await session.fetch_profile(human.id)).name == "林见山"


@needs("leaves")
async def test_whoever_leaves_or_blocks_is_told(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        await human.leave(place)
        await heard.until(lambda now: any(e.type is EventType.LEFT for e in now))
    [left] = [event for event in heard.events if event.type is EventType.LEFT]
    assert (left.sender.id, left.peer.id) == (human.id, place)


@needs("twice")
async def test_an_event_told_twice_has_the_same_id(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        rig.tell_twice()
        await human.write(place, "once")
        await human.write(place, "and again")
        assert await heard.texts(3) == ["hello", "once", "and again"]


@needs("unreadable")
async def test_what_cannot_be_read_is_told_and_nothing_else_is_lost(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await human.write_unreadable(place)
        await human.write(place, "plain again")
        assert await heard.texts(2) == ["hello", "plain again"]
    unread = [event for event in heard.events if event.type is EventType.UNREADABLE]
    assert [(event.sender.id, event.text) for event in unread] == [(human.id, "")]


async def test_malformed_events_are_left_out_and_the_others_kept(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        rig.spoil_events()
        await human.write(place, "kept")
        await human.write(place, "and this")
        assert await heard.texts(3) == ["hello", "kept", "and this"]


@needs("retold", "unseen")
async def test_an_answer_that_is_no_answer_leaves_the_place_as_it_was(rig: Rig) -> None:
    account, human, vault = await rig.account(), await rig.human(), Vault()
    session, heard = await rig.channel.open(account, vault.keep), Heard()
    rig.garble()
    await human.greet(account, "still here")
    with pytest.raises((base.Uncertain, base.Unreachable)):
        await session.listen(heard.deliver, b"")
    assert heard.resume == b""
    await session.close()
    session = await reopened(rig.channel, account, vault)
    async with listening(session) as later:
        assert await later.texts(1) == ["still here"]
