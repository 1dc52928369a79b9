"""WeCom's members and their customers: callbacks, and tasks that wait for a tap."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import time_machine

from menting.base import clock
from menting.channels import base
from menting.channels.base import Event, EventType, Image, Outgoing, Peer
from menting.channels.hook import ForgedError
from menting.channels.wecom import tasks
from tests.contract.rig import Heard, Vault, listening
from tests.contract.wecom import WeComRig, name_of, wecom_rig
from tests.fakes.wecom import FakeWeCom
from tests.servers import proxy

PICTURE = Image(b"\x89PNG\r\n", "image/png")


@pytest.fixture
async def rig(wecom: FakeWeCom) -> AsyncIterator[WeComRig]:
    """Give a fake platform and the channel."""
    async with wecom_rig(wecom) as made:
        yield made


async def test_customers_come_and_go_by_callbacks_of_any_account_s_address(
    rig: WeComRig,
) -> None:
    await rig.account()
    _, account, person = await rig.kept()
    rig.server.remove(name_of(account), person)
    rig.server.remove(name_of(account), person, by="del_external_contact")
    assert [(handle, event.type) for handle, event in rig.told] == [
        (account.handle, EventType.JOINED),
        (account.handle, EventType.LEFT),
        (account.handle, EventType.LEFT),
    ]
    assert {event.sender.scope for _, event in rig.told} == {rig.server.corp}


async def test_a_contact_way_says_how_a_customer_came(rig: WeComRig) -> None:
    session, account, _ = await rig.kept()
    assert (await session.invite("spring-fair")).startswith("https://")
    [way] = rig.server.members[name_of(account)].contact_ways
    rig.server.add(name_of(account), rig.server.customer("Wu"), way["state"])
    assert rig.told[-1][1].source == "spring-fair"


async def test_a_callback_to_an_account_without_a_token_is_not_believed(
    rig: WeComRig,
) -> None:
    account = await rig.account()
    bare = dataclasses.replace(account, secret={"secret": rig.server.secret})
    rig.accounts[account.handle] = bare
    with pytest.raises(ForgedError):
        rig.hook({"Event": "kf_msg_or_event"}, bare)


async def _told(rig: WeComRig, session: base.Session, heard: Heard) -> list[Event]:
    """Let a minute and more go by, and return what was told."""
    before = len(heard.events)
    with time_machine.travel(clock.now() + timedelta(seconds=90), tick=True):
        session.nudge()
        await heard.until(lambda now: len(now) > before)
        await asyncio.sleep(0.05)
    return heard.events[before:]


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        (1, [EventType.ARRIVED]),
        (2, [EventType.BOUNCED, EventType.LEFT]),
        (3, [EventType.BOUNCED]),
    ],
)
async def test_a_message_waits_for_the_tap_and_its_end_is_told(
    rig: WeComRig, status: int, kinds: list[EventType]
) -> None:
    session, _, person = await rig.kept()
    async with listening(session) as heard:
        receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
        assert "tap" in receipt.pending
        rig.server.masses[receipt.message_id].status[person] = status
        told = await _told(rig, session, heard)
    assert [event.type for event in told] == kinds
    assert told[0].about == receipt.message_id
    assert all(event.sender.id == person for event in told)
    assert heard.resume == b"[]"


async def test_what_waits_is_remembered_by_the_next_session(rig: WeComRig) -> None:
    session, account, person = await rig.kept()
    async with listening(session) as heard:
        receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
        await heard.until(lambda _: receipt.message_id.encode() in heard.resume)
    rig.server.tap(receipt.message_id)
    later = await rig.channel.open(account, Vault().keep)
    async with listening(later, heard.resume) as again:
        await again.until(bool)
    assert [event.about for event in again.events] == [receipt.message_id]


async def test_what_was_sent_outlives_a_session_that_is_lost(rig: WeComRig) -> None:
    session, _, person = await rig.kept()
    heard = Heard()
    listening_now = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    first = await session.send(Peer(person), Outgoing("key-1", "open"))
    rig.server.codes["get_groupmsg_send_result"] = 45009
    with time_machine.travel(clock.now() + timedelta(seconds=90), tick=True):
        second = await session.send(Peer(person), Outgoing("key-2", "and this"))
        with pytest.raises(base.Throttled):
            await listening_now
    for receipt in (first, second):
        assert receipt.message_id.encode() in heard.resume


async def test_a_message_that_nobody_taps_is_called_off_after_a_month(
    rig: WeComRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_AGE", timedelta(seconds=30))
    session, _, person = await rig.kept()
    async with listening(session) as heard:
        receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
        [bounced] = await _told(rig, session, heard)
    assert (bounced.type, bounced.about) == (EventType.BOUNCED, receipt.message_id)
    assert rig.server.masses[receipt.message_id].is_cancelled


async def test_no_second_mass_message_is_made_when_asked_again(rig: WeComRig) -> None:
    session, _, person = await rig.kept()
    rig.server.faults.once("add_msg_template", proxy.cut_answer)
    message = Outgoing("key-1", "open")
    with pytest.raises(base.Uncertain):
        await session.send(Peer(person), message)
    again = dataclasses.replace(message, again=True)
    receipt = await session.send(Peer(person), again)
    assert list(rig.server.masses) == [receipt.message_id]
    await session.send(Peer(person), Outgoing("key-2", "another", again=True))
    assert len(rig.server.masses) == 2


async def test_a_mass_message_still_being_dispatched_stays_unknown(rig: WeComRig) -> None:
    session, _, person = await rig.kept()
    receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
    rig.server.masses[receipt.message_id].is_dispatched = False
    with pytest.raises(base.Uncertain):
        await session.send(Peer(person), Outgoing("key-1", "open", again=True))
    assert len(rig.server.masses) == 1


async def test_somebody_who_is_no_customer_any_more_has_withdrawn(rig: WeComRig) -> None:
    session, account, person = await rig.kept()
    rig.server.members[name_of(account)].customers.clear()
    with pytest.raises(base.Refused) as refused:
        await session.send(Peer(person), Outgoing("key-gone", "hello"))
    assert (refused.value.permanent, refused.value.withdraws) == (True, True)


async def test_pictures_go_by_the_two_ways_of_uploading(rig: WeComRig) -> None:
    session, account, person = await rig.kept()
    await session.send(Peer(person), Outgoing("key-1", "open", image=PICTURE))
    rig.server.forget_tokens()  # an upload is made anew with the new token
    wall = Peer(account.handle, "wall")
    await session.post(wall, Outgoing("key-2", "open", image=PICTURE))
    size = len(PICTURE.content)
    assert list(rig.server.uploads.values()) == [
        ("upload", size),
        ("upload_attachment", size),
    ]


async def test_a_moment_is_told_once_the_member_has_published_it(rig: WeComRig) -> None:
    session, account, _ = await rig.kept()
    async with listening(session) as heard:
        receipt = await session.post(Peer("", "wall"), Outgoing("key-1", "open"))
        rig.server.tap_moments(name_of(account))
        [arrived] = await _told(rig, session, heard)
    assert (arrived.type, arrived.about) == (EventType.ARRIVED, receipt.message_id)
    assert arrived.peer == Peer(account.handle, "wall")


@pytest.mark.parametrize("long", ["好" * 1400, "x" * 4001])
async def test_a_text_that_is_too_long_says_how_long(rig: WeComRig, long: str) -> None:
    session, _, person = await rig.kept()
    with pytest.raises(base.Refused, match="takes 4000"):
        await session.send(Peer(person), Outgoing("key-long", long))
    with pytest.raises(base.Refused, match="takes 2000"):
        await session.post(Peer("", "wall"), Outgoing("key-long", "x" * 2001))


async def test_a_customer_s_name_is_told(rig: WeComRig) -> None:
    session, _, person = await rig.kept()
    shown = await session.fetch_profile(person)
    assert (shown.name, shown.scope) == ("Lin", rig.server.corp)
    assert (await session.fetch_profile("wm-nobody")).name is None
