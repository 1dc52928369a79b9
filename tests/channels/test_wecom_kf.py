"""WeCom's customer service: pulled messages, windows, links and rejections."""

import dataclasses
from collections.abc import AsyncIterator

import pytest

from menting.channels import base
from menting.channels.base import Button, EventType, Outgoing, Peer
from menting.channels.wecom import errors
from tests.contract.rig import Vault, listening
from tests.contract.wecom import WeComRig, name_of, wecom_rig
from tests.fakes.wecom import FakeWeCom


@pytest.fixture
async def rig(wecom: FakeWeCom) -> AsyncIterator[WeComRig]:
    """Give a fake platform and the channel."""
    async with wecom_rig(wecom) as made:
        yield made


async def test_a_link_says_how_a_customer_came(rig: WeComRig) -> None:
    session, account, human = await rig.served()
    link = await session.invite("spring-fair&1")
    async with listening(session) as heard:
        rig.server.enter(name_of(account), human.id, link)
        await heard.until(bool)
    [event] = heard.events
    assert (event.type, event.peer.id) == (EventType.JOINED, human.id)
    assert (event.source, event.sender.scope) == ("spring-fair&1", rig.server.corp)


async def test_a_code_that_no_link_can_carry_is_refused(rig: WeComRig) -> None:
    kf, _, _ = await rig.served()
    member, _, _ = await rig.kept()
    for session in (kf, member):
        with pytest.raises(base.Refused, match="at most"):
            await session.invite("x" * 129)


async def test_only_five_answers_and_only_for_two_days(rig: WeComRig) -> None:
    session, account, human = await rig.served()
    for number in range(5):
        await session.send(Peer(human.id), Outgoing(f"key-{number}", "answer"))
    with pytest.raises(base.Refused, match="five messages") as refused:
        await session.send(Peer(human.id), Outgoing("key-6", "answer"))
    assert refused.value.permanent
    assert not refused.value.withdraws
    await human.write(human.id, "more, please")
    await session.send(Peer(human.id), Outgoing("key-7", "answer"))
    rig.server.kf[name_of(account)].windows[human.id][0] -= 49 * 3600
    with pytest.raises(base.Refused, match="48 hours") as late:
        await session.send(Peer(human.id), Outgoing("key-8", "answer"))
    assert late.value.permanent


async def test_links_are_a_menu_or_stand_in_a_long_text(rig: WeComRig) -> None:
    session, account, human = await rig.served()
    link = Button("Hours", "https://e.example/hours")
    await session.send(Peer(human.id), Outgoing("key-1", "open", buttons=(link,)))
    long = "好" * 400
    await session.send(Peer(human.id), Outgoing("key-2", long, buttons=(link,)))
    written = await human.received(human.id, account)
    assert written == ["open\n[Hours]", f"{long}\n\nHours: {link.url}"]
    with pytest.raises(base.Refused, match="takes 2048"):
        await session.send(Peer(human.id), Outgoing("key-3", "好" * 700))


async def test_a_message_that_the_person_rejects_bounces_and_withdraws(
    rig: WeComRig,
) -> None:
    session, account, human = await rig.served()
    rig.server.kf[name_of(account)].rejected_by.add(human.id)
    async with listening(session) as heard:
        receipt = await session.send(Peer(human.id), Outgoing("key-no", "hello"))
        await heard.until(lambda now: len(now) == 2)
    bounced, left = heard.events
    assert (bounced.type, bounced.about) == (EventType.BOUNCED, receipt.message_id)
    assert "takes no messages" in bounced.text
    assert (left.type, left.sender.id, left.peer.id) == (
        *(EventType.LEFT, human.id),
        human.id,
    )


async def test_what_a_clerk_wrote_is_no_event(rig: WeComRig) -> None:
    session, account, human = await rig.served()
    kf = rig.server.kf[name_of(account)]
    async with listening(session) as heard:
        await human.write(human.id, "one")
        await heard.texts(1)
        kf.said.append({**kf.said[-1], "msgid": "clerk", "origin": 5})
        rig.server.happen(name_of(account), {"event_type": "session_status_change"})
        await human.write(human.id, "two")
        assert await heard.texts(2) == ["one", "two"]
    assert len(heard.events) == 2


async def test_a_callback_s_token_goes_with_the_look_and_is_let_go_when_refused(
    rig: WeComRig,
) -> None:
    session, account, human = await rig.served()
    async with listening(session) as heard:
        await human.write(human.id, "one")
        await heard.texts(1)
        rig.server.codes["sync_msg"] = errors.NOT_THIS_NUDGE
        await human.write(human.id, "two")
        assert await heard.texts(2) == ["one", "two"]
    session.nudge()
    assert rig.server.kf[name_of(account)].said


async def test_the_three_days_before_the_first_sign_in_are_no_news(rig: WeComRig) -> None:
    session, _, human = await rig.served()
    async with listening(session) as heard:
        await human.write(human.id, "new")
        assert await heard.texts(1) == ["new"]


async def test_a_repeated_key_without_a_known_code_stays_unknown(rig: WeComRig) -> None:
    account, human = await rig.account(), await rig.human()
    options = {**account.options, "repeated_code": 0}
    session = await rig.channel.open(
        dataclasses.replace(account, options=options), Vault().keep
    )
    await human.greet(account, "hello")
    await session.send(Peer(human.id), Outgoing("key-1", "once"))
    with pytest.raises(base.Uncertain, match="asked again"):
        await session.send(Peer(human.id), Outgoing("key-1", "once", again=True))
    assert await human.received(human.id, account) == ["once"]


@pytest.mark.parametrize(
    ("code", "error"),
    [(45009, base.Throttled), (45033, base.Throttled), (-1, base.Uncertain)],
)
async def test_a_limit_or_a_busy_platform_is_no_refusal(
    rig: WeComRig, code: int, error: type[base.ChannelError]
) -> None:
    session, _, human = await rig.served()
    rig.server.codes["send_msg"] = code
    with pytest.raises(error):
        await session.send(Peer(human.id), Outgoing("key-busy", "hello"))


def test_a_reason_repeats_no_text_of_the_platform() -> None:
    assert str(errors.error_of(99999)) == "99999: refused; see WeCom's table of codes"
