"""What a send of any channel proves, and what it leaves open."""

import asyncio
import dataclasses

import pytest

from menting.channels import base
from menting.channels.base import EventType, Outgoing, Peer
from tests.contract.dialogue import Dialogue
from tests.contract.rig import AbleRig as Rig
from tests.contract.rig import Vault, at, listening

needs = pytest.mark.needs


async def test_a_text_arrives_and_the_receipt_names_it(rig: Rig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        receipt = await session.send(at(place), Outgoing("key-1", "你好 👋\n第二行"))
        await human.write(place, "thanks")
        await heard.texts(2)
    assert await human.received(place, account) == ["你好 👋\n第二行"]
    assert receipt.message_id not in {event.id for event in heard.events}


@needs("throttles")
async def test_a_platform_that_asks_to_wait_throttles(rig: Rig, dialogue: Dialogue) -> None:
    rig.throttle(4.382)
    with pytest.raises(base.Throttled) as throttled:
        await dialogue.send("key-slow")
    assert throttled.value.retry_after == pytest.approx(4.382, abs=0.7)  # or whole seconds
    assert await dialogue.received() == []


async def test_a_place_where_the_account_may_not_write_refuses(
    rig: Rig, dialogue: Dialogue
) -> None:
    with pytest.raises(base.Refused) as refused:
        await dialogue.session.send(at(rig.nowhere), Outgoing("key-no", "hello"))
    assert refused.value.permanent


async def test_no_connection_is_proof_that_nothing_was_sent(
    rig: Rig, dialogue: Dialogue
) -> None:
    await rig.lose()
    with pytest.raises(base.Unreachable):
        await dialogue.send("key-away")
    await rig.bring_back()
    assert await dialogue.received() == []


async def test_a_timeout_after_the_request_is_uncertain(
    rig: Rig, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = rig.hold_answer()
    rig.hasten(monkeypatch)
    with pytest.raises(base.Uncertain):
        await dialogue.send("key-held")
    assert held.arrived.is_set()
    held.release()
    assert await dialogue.received() == ["once"]


async def test_half_an_answer_is_uncertain(rig: Rig, dialogue: Dialogue) -> None:
    rig.cut_answer()
    with pytest.raises(base.Uncertain):
        await dialogue.send("key-half")
    assert await dialogue.received() == ["once"]


@needs("keys")
async def test_the_same_key_again_makes_one_message(
    rig: Rig, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = rig.hold_answer()  # a broken connection would end the session of some platforms
    with monkeypatch.context() as patch:
        rig.hasten(patch)
        with pytest.raises(base.Uncertain):
            await dialogue.send("key-again")
    held.release()
    receipt = await dialogue.send("key-again", again=True)
    later = await dialogue.send("key-again", again=True)
    assert later == dataclasses.replace(receipt, at=later.at)
    assert await dialogue.received() == ["once"]


async def test_a_send_that_is_given_up_in_the_middle_hurts_no_other(
    rig: Rig, dialogue: Dialogue
) -> None:
    held = rig.hold_request()
    sending = asyncio.create_task(dialogue.send("key-given-up"))
    await asyncio.wait_for(held.arrived.wait(), 10)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    held.release()
    await dialogue.send("key-next", "next")
    assert (await dialogue.received())[-1] == "next"


@needs("removal")
async def test_a_removal_in_the_middle_of_a_send_refuses_and_is_told(
    rig: Rig, dialogue: Dialogue
) -> None:
    held = rig.hold_request()
    human, place = dialogue.human, dialogue.place
    sending = asyncio.create_task(dialogue.send("key-out"))
    await held.arrived.wait()
    await human.put_out(place, dialogue.account)
    held.release()
    with pytest.raises(base.Refused):
        await sending
    heard = await dialogue.heard.until(
        lambda now: any(e.type is EventType.LEFT for e in now)
    )
    left = [event for event in heard if event.type is EventType.LEFT]
    assert [(event.sender.id, event.peer.id) for event in left] == [(human.id, place)]


@needs("wall")
async def test_a_post_stands_on_the_account_s_own_wall(rig: Rig) -> None:
    account, wall = await rig.walled()
    session = await rig.channel.open(account, Vault().keep)
    assert base.Cap.WALL in session.caps
    receipt = await session.post(Peer(wall, "wall"), Outgoing("key-post", "周日开门 ☀"))
    assert receipt.message_id
    assert await rig.on_wall(account, wall) == ["周日开门 ☀"]
    await session.close()


async def test_no_post_goes_to_a_wall_that_is_not_the_account_s_own(rig: Rig) -> None:
    session = await rig.channel.open(await rig.account(), Vault().keep)
    with pytest.raises(base.Refused):
        await session.post(Peer("!another:localhost", "wall"), Outgoing("key-wall", "hi"))
    await session.close()
