"""How QQ lets a bot answer, and what its refusals mean."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from menting.base import clock
from menting.channels import base
from menting.channels.base import EventType, Inbound, Outgoing, Peer
from menting.channels.qq import intents
from menting.channels.qq.session import QQSession
from tests.channels.qq.bots import (
    as_json,
    friend_of,
    heard_from,
    signed_in,
)
from tests.contract.qq import QQRig
from tests.contract.rig import listening
from tests.servers import proxy

pytestmark = pytest.mark.qq


async def test_an_answer_costs_no_active_message_and_goes_out_once(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    person = rig.platform.openid()
    inbound = await heard_from(rig, bot, person)
    place = bot.places[f"c2c:{person}"]
    place.is_active = False
    message = Outgoing("key-1", "once", answers=inbound)
    rig.cut_answer()
    with pytest.raises(base.Uncertain):
        await opened.send(Peer(f"c2c:{person}"), message)
    again = dataclasses.replace(message, again=True)
    for _ in range(2):
        receipt = await opened.send(Peer(f"c2c:{person}"), again)
        assert receipt.message_id.startswith(inbound.id)
    assert [sent.text for sent in place.messages] == ["once"]


async def test_the_fifth_answer_in_c2c_and_the_sixth_in_a_group_are_active(
    rig: QQRig,
) -> None:
    opened, bot = await signed_in(rig)
    person, group = rig.platform.openid(), rig.platform.openid()
    in_c2c = await heard_from(rig, bot, person)
    number = await rig.platform.write_in_group(bot, group, person, "hello")
    in_group = Inbound(number, clock.now())
    for peer, inbound, free in (("c2c", in_c2c, 4), ("group", in_group, 5)):
        place = bot.places[f"{peer}:{person if peer == 'c2c' else group}"]
        for n in range(free + 1):
            message = Outgoing(f"{peer}-{n}", f"text {n}", answers=inbound)
            await opened.send(Peer(f"{peer}:{place.number}"), message)
        free_ones = [sent for sent in place.messages if "msg_id" in sent.body]
        assert (len(free_ones), len(place.messages)) == (free, free + 1)


@pytest.mark.parametrize("minutes", [6, 61])
async def test_a_late_answer_is_active_behind_the_switch(rig: QQRig, minutes: int) -> None:
    opened, bot = await signed_in(rig)
    group = rig.platform.openid()
    number = await rig.platform.write_in_group(bot, group, rig.platform.openid(), "hi")
    rig.platform.ahead = timedelta(minutes=minutes)
    # Ours is slow: only the platform's refusal tells that the time is over.
    message = Outgoing("key-late", "late", answers=Inbound(number, clock.now()))
    await opened.send(Peer(f"group:{group}"), message)
    place = bot.places[f"group:{group}"]
    assert [("msg_id" in sent.body, sent.text) for sent in place.messages] == [
        (False, "late")
    ]
    place.is_active = False
    with pytest.raises(base.Refused, match="write first"):
        await opened.send(
            Peer(f"group:{group}"), dataclasses.replace(message, key="key-later")
        )


async def test_an_unknown_answer_is_never_written_again_as_an_active_message(
    rig: QQRig,
) -> None:
    opened, bot = await signed_in(rig)
    person = rig.platform.openid()
    inbound = await heard_from(rig, bot, person)
    rig.platform.ahead = timedelta(minutes=61)
    message = Outgoing("key-late", "late", answers=inbound, again=True)
    with pytest.raises(base.Uncertain):
        await opened.send(Peer(f"c2c:{person}"), message)
    bare = Outgoing("key-bare", "bare", again=True)
    with pytest.raises(base.Uncertain):
        await opened.send(Peer(f"c2c:{person}"), bare)
    assert bot.places[f"c2c:{person}"].messages == []


async def test_an_added_friend_can_be_answered_by_the_event(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    person = rig.platform.openid()
    async with listening(opened) as heard:
        await rig.platform.befriend(bot, person)
        [added] = await heard.until(bool)
    bot.places[f"c2c:{person}"].is_active = False
    welcome = Outgoing("key-welcome", "welcome", answers=Inbound(added.id, added.at))
    await opened.send(added.peer, welcome)
    assert [sent.text for sent in bot.places[f"c2c:{person}"].messages] == ["welcome"]


async def test_who_has_no_active_messages_may_be_called_back_once(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    person = await friend_of(rig, bot)
    place = bot.places[f"c2c:{person}"]
    place.is_active = False
    await opened.send(Peer(f"c2c:{person}"), Outgoing("key-1", "come back"))
    assert [sent.body.get("is_wakeup") for sent in place.messages] == [True]
    with pytest.raises(base.Refused, match="40034122") as refused:
        await opened.send(Peer(f"c2c:{person}"), Outgoing("key-2", "again"))
    assert not refused.value.withdraws


async def test_a_channel_and_a_direct_message_are_answered_in_their_own_way(
    rig: QQRig,
) -> None:
    opened, bot = await signed_in(rig)
    async with listening(opened) as heard:
        await rig.platform.write_in_channel(bot, "3200", "42", "question")
        await rig.platform.write_directly(bot, "7200", "42", "secret question")
        assert await heard.texts(2) == ["question", "secret question"]
    told = {event.peer.id: event for event in heard.events}
    assert told["channel:3200"].audience > 1
    assert told["dm:7200"].audience == 1
    for place, event in told.items():
        answer = Outgoing(f"key {place}", "answer", answers=Inbound(event.id, event.at))
        await opened.send(Peer(place), answer)
        [sent] = bot.places[place].messages
        assert sent.body == {"content": "answer", "msg_id": event.id}
        with pytest.raises(base.Uncertain):
            await opened.send(Peer(place), dataclasses.replace(answer, again=True))


# Limits and refusals


async def test_more_than_twenty_a_minute_wait_for_this_person_alone(rig: QQRig) -> None:
    opened, bot = await signed_in(rig, certified=True)
    one, other = rig.platform.openid(), rig.platform.openid()
    for person in (one, other):
        await rig.platform.befriend(bot, person)
    for n in range(20):
        # A certified bot may send 10 a second.
        await _patiently(opened, f"c2c:{one}", f"key {n}")
    await asyncio.sleep(1)
    with pytest.raises(base.Throttled) as throttled:
        await opened.send(Peer(f"c2c:{one}"), Outgoing("key-21", "too much"))
    assert throttled.value.of_peer
    assert 0 < throttled.value.retry_after <= 60
    await opened.send(Peer(f"c2c:{other}"), Outgoing("key-other", "hello"))


async def _patiently(opened: QQSession, place: str, key: str) -> None:
    try:
        await opened.send(Peer(place), Outgoing(key, key))
    except base.Throttled as throttled:
        await asyncio.sleep(throttled.retry_after)
        await opened.send(Peer(place), Outgoing(key, key))


@pytest.mark.parametrize(
    ("status", "code", "error", "permanent", "withdraws"),
    [
        (400, 40054013, base.Refused, True, True),
        (400, 40054004, base.Refused, True, True),
        (500, 40054013, base.Refused, True, True),
        (400, 304031, base.Refused, True, True),
        (400, 40054002, base.Refused, False, False),
        (400, 40034006, base.Refused, True, False),
        (400, 7, base.Refused, True, False),
        (403, 11253, base.Refused, True, False),
        (401, 11253, base.Refused, True, False),
        (400, 40034100, base.Throttled, None, None),
        (429, 22009, base.Throttled, None, None),
        (400, 304049, base.Throttled, None, None),
        (500, 50055001, base.Uncertain, None, None),
        (500, 7, base.Uncertain, None, None),
        (504, 0, base.Uncertain, None, None),
        (200, 7, base.Uncertain, None, None),
        (401, 11298, base.AuthFailed, None, None),
    ],
)
async def test_only_the_code_decides(  # a row of the table
    rig: QQRig,
    status: int,
    code: int,
    error: type[base.ChannelError],
    permanent: bool | None,
    withdraws: bool | None,
) -> None:
    opened, bot = await signed_in(rig)
    person = await friend_of(rig, bot)
    told = {"err_code": code, "code": 1, "message": f"no, {person}", "trace_id": "t"}
    rig.proxy.once(rig.send_part, proxy.answer_with(status, as_json(told)))
    with pytest.raises(error) as failed:
        await opened.send(Peer(f"c2c:{person}"), Outgoing("key", "text"))
    assert person not in str(failed.value)
    if isinstance(failed.value, base.Refused):
        assert (failed.value.permanent, failed.value.withdraws) == (permanent, withdraws)


async def test_a_message_that_is_read_first_is_pending_until_its_event(
    rig: QQRig,
) -> None:
    opened, bot = await signed_in(rig, intents=f"{intents.DEFAULT} message_audit")
    place = bot.place("channel", "3200")
    place.is_reviewed = True
    async with listening(opened) as heard:
        first = await opened.send(Peer("channel:3200"), Outgoing("key-1", "one"))
        second = await opened.send(Peer("channel:3200"), Outgoing("key-2", "two"))
        assert first.pending
        body = {"audit_time": "2026-11-24T12:00:00+08:00"}
        audit = {**body, "audit_id": first.message_id}
        await rig.platform.tell(bot, "MESSAGE_AUDIT_PASS", audit)
        audit = {**body, "audit_id": second.message_id}
        await rig.platform.tell(bot, "MESSAGE_AUDIT_REJECT", audit)
        told = await heard.until(lambda now: len(now) == 2)
    assert [(event.type, event.about) for event in told] == [
        (EventType.ARRIVED, first.message_id),
        (EventType.BOUNCED, second.message_id),
    ]


async def test_a_conversation_of_another_kind_is_refused_without_a_call(
    rig: QQRig,
) -> None:
    opened, _ = await signed_in(rig)
    calls = len(rig.platform.calls)
    for place in ("guild:7", "c2c:", "A1B2", ""):
        with pytest.raises(base.Unsupported):
            await opened.send(Peer(place), Outgoing("key", "text"))
    assert len(rig.platform.calls) == calls
