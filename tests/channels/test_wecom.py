"""What is particular to WeCom, against a fake held to wechatpy."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import time_machine
from pydantic import ValidationError

from menting.base import clock
from menting.channels import base
from menting.channels.base import Button, Cap, Event, EventType, Image, Outgoing, Peer
from menting.channels.hook import ForgedError
from menting.channels.wecom import errors, tasks
from menting.channels.wecom.channel import WeCom, WeComSecret
from tests.contract.rig import Heard, Vault, listening
from tests.contract.wecom import WeComHuman, WeComRig, name_of, wecom_rig
from tests.fakes.wecom import FakeWeCom
from tests.servers import proxy

PICTURE = Image(b"\x89PNG\r\n", "image/png")


@pytest.fixture
async def rig(wecom: FakeWeCom) -> AsyncIterator[WeComRig]:
    """Give a fake platform and the channel."""
    async with wecom_rig(wecom) as made:
        yield made


async def _served(rig: WeComRig) -> tuple[base.Session, base.Account, WeComHuman]:
    """Give a customer-service account to which somebody wrote."""
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    await human.greet(account, "hello")
    return session, account, human


async def _kept(rig: WeComRig) -> tuple[base.Session, base.Account, str]:
    """Give a member with a customer."""
    account = await rig.member()
    person = rig.server.customer("Lin")
    rig.server.add(name_of(account), person)
    return await rig.channel.open(account, Vault().keep), account, person


# The roster, and signing in.


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"secret": ""}, "at least 1"),
        ({"secret": "x", "api": "qyapi.weixin.qq.com"}, "http"),
        ({"secret": "x", "callback_key": "short"}, "43 letters"),
        ({"secret": "x", "kind": "robot"}, "customer_service"),
        ({"secret": "x", "calls": "0"}, "greater"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        WeComSecret.model_validate(columns)


def test_empty_columns_mean_the_usual() -> None:
    empty = dict.fromkeys(("api", "calls", "look", "repeated_code", "callback_key"), "")
    made = WeComSecret.model_validate({"secret": "x", **empty})
    assert (made.api, made.look) == ("https://qyapi.weixin.qq.com", 300)


async def test_a_handle_of_another_form_needs_an_operator(rig: WeComRig) -> None:
    account = dataclasses.replace(await rig.account(), handle="shop")
    with pytest.raises(base.AuthFailed, match="CORPID:NAME"):
        await rig.channel.open(account, Vault().keep)


@pytest.mark.parametrize("name", ["wk-not-there", "not-there"])
async def test_a_name_that_the_app_may_not_serve_needs_an_operator(
    rig: WeComRig, name: str
) -> None:
    account = await rig.account()
    other = dataclasses.replace(account, handle=f"{rig.server.corp}:{name}")
    with pytest.raises(base.AuthFailed):
        await rig.channel.open(other, Vault().keep)


@pytest.mark.parametrize("code", [60020, 48002, 301002])
async def test_what_only_the_console_of_wecom_can_change_needs_an_operator(
    rig: WeComRig, code: int
) -> None:
    account = await rig.account()
    rig.server.codes["account/list"] = code
    with pytest.raises(base.AuthFailed, match=str(code)):
        await rig.channel.open(account, Vault().keep)


async def test_each_of_the_two_kinds_may_do_what_it_can(rig: WeComRig) -> None:
    kf, _, _ = await _served(rig)
    member, _, _ = await _kept(rig)
    assert (Cap.BUTTON in kf.caps, Cap.WALL in kf.caps) == (True, False)
    assert (Cap.BUTTON in member.caps, Cap.WALL in member.caps) == (False, True)
    with pytest.raises(base.Unsupported):
        await kf.post(Peer("", "wall"), Outgoing("key-wall", "hello"))


async def test_many_accounts_share_one_token_and_one_renewal(rig: WeComRig) -> None:
    accounts = [await rig.account() for _ in range(20)]
    opened = [rig.channel.open(account, Vault().keep) for account in accounts]
    sessions = await asyncio.gather(*opened)
    assert rig.server.tokens_given == 1
    rig.server.forget_tokens()
    person = rig.server.customer("Lin")
    await asyncio.gather(*(session.fetch_profile(person) for session in sessions))
    assert rig.server.tokens_given == 2
    asked = [line for line in rig.server.faults.seen if "gettoken" in line]
    assert len(asked) == 2


async def test_a_token_is_renewed_before_it_ends(rig: WeComRig) -> None:
    session, _, human = await _served(rig)
    with time_machine.travel(clock.now() + timedelta(seconds=7000), tick=True):
        await session.fetch_profile(human.id)
    asked = [line for line in rig.server.faults.seen if "gettoken" in line]
    assert len(asked) == 2


async def test_a_token_that_is_refused_twice_needs_an_operator(rig: WeComRig) -> None:
    session, _, human = await _served(rig)
    stale = proxy.answer_with(200, json.dumps({"errcode": 42001}).encode())
    rig.server.faults.always("batchget", stale)
    with pytest.raises(base.AuthFailed, match="42001"):
        await session.fetch_profile(human.id)


async def test_no_error_tells_the_token_or_the_secret(rig: WeComRig) -> None:
    session, account, human = await _served(rig)
    await rig.lose()
    fresh = WeCom()
    for call in (
        session.send(Peer(human.id), Outgoing("key-lost", "hello")),
        fresh.open(account, Vault().keep),
    ):
        with pytest.raises(base.Unreachable) as lost:
            await call
        assert rig.server.secret not in str(lost.value)
        assert "token1" not in str(lost.value)
        assert lost.value.__suppress_context__
    await fresh.aclose()


def test_accounts_of_one_corp_share_one_limit() -> None:
    channel = WeCom()
    bonds = {channel.bond(f"ww1:wk{number}", {"calls": 60}) for number in range(3)}
    [bond] = bonds
    assert (bond.name, bond.rate.interval) == ("wecom:ww1", 1_000_000)
    assert channel.bond("ww2:wk1", {}) != bond


# Customer service.


async def test_a_link_says_how_a_customer_came(rig: WeComRig) -> None:
    session, account, human = await _served(rig)
    link = await session.invite("spring-fair&1")
    async with listening(session) as heard:
        rig.server.enter(name_of(account), human.id, link)
        await heard.until(bool)
    [event] = heard.events
    assert (event.type, event.peer.id) == (EventType.JOINED, human.id)
    assert (event.source, event.sender.scope) == ("spring-fair&1", rig.server.corp)


async def test_a_code_that_no_link_can_carry_is_refused(rig: WeComRig) -> None:
    kf, _, _ = await _served(rig)
    member, _, _ = await _kept(rig)
    for session in (kf, member):
        with pytest.raises(base.Refused, match="at most"):
            await session.invite("x" * 129)


async def test_only_five_answers_and_only_for_two_days(rig: WeComRig) -> None:
    session, account, human = await _served(rig)
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
    session, account, human = await _served(rig)
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
    session, account, human = await _served(rig)
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
    session, account, human = await _served(rig)
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
    session, account, human = await _served(rig)
    async with listening(session) as heard:
        await human.write(human.id, "one")
        await heard.texts(1)
        rig.server.codes["sync_msg"] = errors.NOT_THIS_NUDGE
        await human.write(human.id, "two")
        assert await heard.texts(2) == ["one", "two"]
    session.nudge()
    assert rig.server.kf[name_of(account)].said


async def test_the_three_days_before_the_first_sign_in_are_no_news(rig: WeComRig) -> None:
    session, _, human = await _served(rig)
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
    session, _, human = await _served(rig)
    rig.server.codes["send_msg"] = code
    with pytest.raises(error):
        await session.send(Peer(human.id), Outgoing("key-busy", "hello"))


def test_a_reason_repeats_no_text_of_the_platform() -> None:
    assert str(errors.error_of(99999)) == "99999: refused; see WeCom's table of codes"


# Members and their customers.


async def test_customers_come_and_go_by_callbacks_of_any_account_s_address(
    rig: WeComRig,
) -> None:
    await rig.account()
    _, account, person = await _kept(rig)
    rig.server.remove(name_of(account), person)
    rig.server.remove(name_of(account), person, by="del_external_contact")
    assert [(handle, event.type) for handle, event in rig.told] == [
        (account.handle, EventType.JOINED),
        (account.handle, EventType.LEFT),
        (account.handle, EventType.LEFT),
    ]
    assert {event.sender.scope for _, event in rig.told} == {rig.server.corp}


async def test_a_contact_way_says_how_a_customer_came(rig: WeComRig) -> None:
    session, account, _ = await _kept(rig)
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
    session, _, person = await _kept(rig)
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
    session, account, person = await _kept(rig)
    async with listening(session) as heard:
        receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
        await heard.until(lambda _: receipt.message_id.encode() in heard.resume)
    rig.server.tap(receipt.message_id)
    later = await rig.channel.open(account, Vault().keep)
    async with listening(later, heard.resume) as again:
        await again.until(bool)
    assert [event.about for event in again.events] == [receipt.message_id]


async def test_a_message_that_nobody_taps_is_called_off_after_a_month(
    rig: WeComRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_AGE", timedelta(seconds=30))
    session, _, person = await _kept(rig)
    async with listening(session) as heard:
        receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
        [bounced] = await _told(rig, session, heard)
    assert (bounced.type, bounced.about) == (EventType.BOUNCED, receipt.message_id)
    assert rig.server.masses[receipt.message_id].is_cancelled


async def test_no_second_mass_message_is_made_when_asked_again(rig: WeComRig) -> None:
    session, _, person = await _kept(rig)
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
    session, _, person = await _kept(rig)
    receipt = await session.send(Peer(person), Outgoing("key-1", "open"))
    rig.server.masses[receipt.message_id].is_dispatched = False
    with pytest.raises(base.Uncertain):
        await session.send(Peer(person), Outgoing("key-1", "open", again=True))
    assert len(rig.server.masses) == 1


async def test_somebody_who_is_no_customer_any_more_has_withdrawn(rig: WeComRig) -> None:
    session, account, person = await _kept(rig)
    rig.server.members[name_of(account)].customers.clear()
    with pytest.raises(base.Refused) as refused:
        await session.send(Peer(person), Outgoing("key-gone", "hello"))
    assert (refused.value.permanent, refused.value.withdraws) == (True, True)


async def test_pictures_go_by_the_two_ways_of_uploading(rig: WeComRig) -> None:
    session, account, person = await _kept(rig)
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
    session, account, _ = await _kept(rig)
    async with listening(session) as heard:
        receipt = await session.post(Peer("", "wall"), Outgoing("key-1", "open"))
        rig.server.tap_moments(name_of(account))
        [arrived] = await _told(rig, session, heard)
    assert (arrived.type, arrived.about) == (EventType.ARRIVED, receipt.message_id)
    assert arrived.peer == Peer(account.handle, "wall")


@pytest.mark.parametrize("long", ["好" * 1400, "x" * 4001])
async def test_a_text_that_is_too_long_says_how_long(rig: WeComRig, long: str) -> None:
    session, _, person = await _kept(rig)
    with pytest.raises(base.Refused, match="takes 4000"):
        await session.send(Peer(person), Outgoing("key-long", long))
    with pytest.raises(base.Refused, match="takes 2000"):
        await session.post(Peer("", "wall"), Outgoing("key-long", "x" * 2001))


async def test_a_customer_s_name_is_told(rig: WeComRig) -> None:
    session, _, person = await _kept(rig)
    shown = await session.fetch_profile(person)
    assert (shown.name, shown.scope) == ("Lin", rig.server.corp)
    assert (await session.fetch_profile("wm-nobody")).name is None
