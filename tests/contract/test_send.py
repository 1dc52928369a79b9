"""What a send of any channel proves, and what it leaves open."""

import asyncio
import dataclasses
import json

import pytest

from menting.channels import base
from menting.channels.base import EventType, Outgoing
from menting.channels.matrix import wire
from tests.contract.dialogue import Dialogue
from tests.contract.matrix import MatrixRig as Rig
from tests.contract.rig import at, listening
from tests.servers import proxy


async def test_a_platform_that_asks_to_wait_throttles(rig: Rig, dialogue: Dialogue) -> None:
    body = json.dumps({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 4382}).encode()
    rig.proxy.once(rig.send_part, proxy.answer_with(429, body))
    with pytest.raises(base.Throttled) as throttled:
        await dialogue.send("key-slow")
    assert throttled.value.retry_after == pytest.approx(4.382)
    assert await dialogue.received() == []


async def test_a_place_where_the_account_may_not_write_refuses(dialogue: Dialogue) -> None:
    with pytest.raises(base.Refused) as refused:
        await dialogue.session.send(at("!nowhere:localhost"), Outgoing("key-no", "hello"))
    assert refused.value.permanent


async def test_no_connection_is_proof_that_nothing_was_sent(
    rig: Rig, dialogue: Dialogue
) -> None:
    await rig.lose()
    with pytest.raises(base.Unreachable):
        await dialogue.send("key-away")
    assert await dialogue.received() == []


async def test_a_timeout_after_the_request_is_uncertain_and_its_key_makes_one_message(
    rig: Rig, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = rig.proxy.hold_answer(rig.send_part)
    monkeypatch.setattr(wire, "CALL_SECONDS", 1.0)
    with pytest.raises(base.Uncertain):
        await dialogue.send("key-held")
    assert held.arrived.is_set()
    receipt = await dialogue.send("key-held")
    assert receipt == dataclasses.replace(await dialogue.send("key-held"), at=receipt.at)
    assert await dialogue.received() == ["once"]


@pytest.mark.parametrize("fault", [proxy.cut_answer, proxy.answer_with(502, b"no gateway")])
async def test_half_an_answer_is_uncertain_and_its_key_makes_one_message(
    rig: Rig, dialogue: Dialogue, fault: proxy.Fault
) -> None:
    rig.proxy.once(rig.send_part, fault)
    with pytest.raises(base.Uncertain):
        await dialogue.send("key-half")
    await dialogue.send("key-half")
    assert await dialogue.received() == ["once"]


async def test_a_removal_in_the_middle_of_a_send_refuses_and_is_told(
    rig: Rig, dialogue: Dialogue
) -> None:
    held = rig.proxy.hold_request(rig.send_part)
    human, place = dialogue.human, dialogue.place
    async with listening(dialogue.session) as heard:
        sending = asyncio.create_task(dialogue.send("key-out"))
        await held.arrived.wait()
        await human.put_out(place, dialogue.account)
        held.release()
        with pytest.raises(base.Refused):
            await sending
        await heard.until(lambda now: any(e.type is EventType.LEFT for e in now))
    left = [event for event in heard.events if event.type is EventType.LEFT]
    assert [(event.sender.id, event.peer.id) for event in left] == [(human.id, place)]
