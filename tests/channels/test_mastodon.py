"""What is particular to Mastodon, against a fake server tested with Mastodon.py."""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from menting.channels import base
from menting.channels.base import Button, Cap, EventType, Image, Inbound, Outgoing, Peer
from menting.channels.mastodon import notices, session, statuses, text
from menting.channels.mastodon.channel import Mastodon, MastodonSecret
from tests.contract.mastodon import MastodonHuman, MastodonRig, mastodon_rig
from tests.contract.rig import Vault, listening
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.mastodon_forms import User
from tests.servers import proxy

SERVER = "https://mastodon.example"
PICTURE = Image(b"\x89PNG\r\n", "image/png", alt="the shop's door")


@pytest.fixture
async def rig(mastodon: FakeMastodon) -> AsyncIterator[MastodonRig]:
    """Give a fake server and the channel."""
    async with mastodon_rig(mastodon) as made:
        yield made


async def _open(rig: MastodonRig) -> base.Session:
    return await rig.channel.open(await rig.account(), Vault().keep)


# What a status says.


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>one<br />two</p><p>three &amp; four</p>", "one\ntwo\n\nthree & four"),
        (
            '<p><a href="https://e.example/a/b"><span class="invisible">https://</span>'
            '<span class="ellipsis">e.example/a</span><span class="invisible">/b</span>'
            "</a> !</p>",
            "https://e.example/a/b !",
        ),
        ('<p><a href="https://e.example">here</a></p>', "here (https://e.example)"),
        (
            '<p><span class="h-card"><a href="https://m.example/@shop" class="u-url '
            'mention">@<span>shop</span></a></span> 订阅</p>',
            "@shop 订阅",
        ),
        ('<p><a class="mention hashtag" href="https://m.example/t">#t</a></p>', "#t"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<script>alert(1)</script><p>x</p>", "alert(1)\n\nx"),
        ('<p><a href="https://e.example">never closed', "never closed (https://e.example)"),
        ("<p>a</p><![strange[", "a"),
    ],
)
def test_html_becomes_what_a_person_reads(html: str, said: str) -> None:
    assert text.plain(html) == said


@given(st.text(alphabet=st.sampled_from('<>/!["ap br=&;#x0-]'), max_size=60))
def test_no_html_breaks_the_reader(html: str) -> None:
    assert text.plain(html) == text.plain(html).strip()


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("@shop yes", "yes"),
        ("@Shop@mastodon.example, @shop 退订", "退订"),
        ("@shopping yes", "@shopping yes"),
        ("@shop@elsewhere.example yes", "@shop@elsewhere.example yes"),
        ("yes @shop", "yes @shop"),
    ],
)
def test_the_account_s_own_name_before_a_text_is_not_of_it(heard: str, said: str) -> None:
    assert text.without_address(heard, "@shop@mastodon.example") == said


@pytest.mark.parametrize("named", ["@lin", "hi @lin@e.example", "(@lin)", "你好 @lin"])
def test_a_text_names_nobody(named: str) -> None:
    quiet = text.naming_nobody(named)
    assert "@\u200blin" in quiet
    assert quiet.replace("\u200b", "") == named


def test_an_address_of_mail_or_a_link_stays_as_it_is() -> None:
    kept = "shop@e.example https://e.example/@shop"
    assert text.naming_nobody(kept) == kept


def test_ids_are_ordered_by_age_and_not_by_letters() -> None:
    assert sorted(["100", "99", "9"], key=notices.order) == ["9", "99", "100"]


# Sign-in.


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


# Receiving.


async def test_a_follower_is_a_contact_who_has_not_written(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    person, us = _users(rig, human, account)
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
    person, us = _users(rig, human, account)
    third = rig.server.add("wang@third.example", "Wang")
    async with listening(shop) as heard:
        await rig.server.mention(person, us, "before all", visibility="public")
        await rig.server.mention(person, us, f"and @{third.acct}")
        await rig.server.mention(person, us, "to you alone")
        await heard.texts(3)
    assert [event.audience for event in heard.events] == [notices.CROWD, 2, 1]
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
    _users(rig, human, account)[1].filters_strangers = True
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
    person, us = _users(rig, human, account)
    async with listening(shop) as heard:
        await rig.server.mention(person, us, "soup", spoiler_text="food")
        assert await heard.texts(1) == ["food\n\nsoup"]


# Sending.


async def test_an_answer_stands_below_what_it_answers(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    async with listening(shop) as heard:
        await human.greet(account, "hello")
        await heard.texts(1)
        [asked] = heard.events
        reply = Outgoing("key-1", "welcome", answers=Inbound(asked.id, asked.at))
        receipt = await shop.send(asked.peer, reply)
    [written] = _users(rig, human, account)[1].statuses
    assert (written["id"], written["visibility"]) == (receipt.message_id, "direct")
    assert written["in_reply_to_id"] == asked.id.partition(":")[2]


async def test_a_direct_text_reaches_nobody_whom_it_names(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    third = rig.server.add("wang@third.example", "Wang")
    shop = await rig.channel.open(account, Vault().keep)
    await shop.send(Peer(human.id), Outgoing("key-named", f"ask @{third.acct}"))
    [written] = _users(rig, human, account)[1].statuses
    assert [named["acct"] for named in written["mentions"]] == [human.id[1:]]


async def test_a_status_that_nobody_could_read_is_taken_back(rig: MastodonRig) -> None:
    account = await rig.account()
    shop = await rig.channel.open(account, Vault().keep)
    with pytest.raises(base.Refused, match="no such person"):
        await shop.send(Peer("@gone@elsewhere.example"), Outgoing("key-gone", "hello"))
    assert rig.server.users[account.handle[1:].partition("@")[0]].statuses == []


@pytest.mark.parametrize("processing", [0, 2])
async def test_a_picture_goes_with_its_description(
    rig: MastodonRig, monkeypatch: pytest.MonkeyPatch, processing: int
) -> None:
    monkeypatch.setattr(statuses, "MEDIA_LOOK_SECONDS", 0.01)
    rig.server.processing = processing
    account = await rig.account()
    shop = await rig.channel.open(account, Vault().keep)
    await shop.post(Peer("", "wall"), Outgoing("key-image", "open", image=PICTURE))
    [written] = rig.server.users[account.handle[1:].partition("@")[0]].statuses
    [attached] = written["media_attachments"]
    assert attached["description"] == "the shop's door"
    assert attached["url"]


async def test_a_picture_that_takes_too_long_is_tried_again_later(
    rig: MastodonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "MEDIA_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(statuses, "MEDIA_SECONDS", 0.05)
    rig.server.processing = 1_000
    shop = await _open(rig)
    with pytest.raises(base.Refused, match="processed") as refused:
        await shop.post(Peer("", "wall"), Outgoing("key-slow", "open", image=PICTURE))
    assert not refused.value.permanent


async def test_links_stand_in_the_text_and_count_as_short(rig: MastodonRig) -> None:
    shop = await _open(rig)
    assert Cap.BUTTON not in shop.caps
    link = Button("Hours", "https://e.example/" + "x" * 600)
    await shop.post(Peer("", "wall"), Outgoing("key-link", "open", buttons=(link,)))
    [wall] = [rig.server.on_wall(user) for user in rig.server.users.values()]
    assert wall == [f"open\n\nHours: {link.url}"]


async def test_posts_are_seen_by_whom_the_roster_says(rig: MastodonRig) -> None:
    account = await rig.account()
    options = {**account.options, "visibility": "private"}
    quiet = dataclasses.replace(account, options=options)
    shop = await rig.channel.open(quiet, Vault().keep)
    await shop.post(Peer(account.handle, "wall"), Outgoing("key-quiet", "open"))
    [written] = rig.server.users[account.handle[1:].partition("@")[0]].statuses
    assert written["visibility"] == "private"


async def test_a_slow_server_that_forgot_the_key_makes_no_second_status(
    rig: MastodonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    message = Outgoing("key-504", "see https://e.example\n\nand more")
    rig.cut_answer()
    with pytest.raises(base.Uncertain):
        await shop.send(Peer(human.id), message)
    us = _users(rig, human, account)[1]
    us.keys.clear()
    receipt = await shop.send(Peer(human.id), dataclasses.replace(message, again=True))
    assert [status["id"] for status in us.statuses] == [receipt.message_id]


async def test_the_same_words_to_another_person_are_not_taken_for_the_message(
    rig: MastodonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "SETTLE_SECONDS", 0.01)
    account, lin, wang = await rig.account(), await rig.human(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    await shop.send(Peer(lin.id), Outgoing("key-lin", "hello"))
    await shop.send(Peer(wang.id), Outgoing("key-wang", "hello", again=True))
    await shop.post(Peer("", "wall"), Outgoing("key-wall", "hello", again=True))
    assert await wang.received(wang.id, account) == ["hello"]
    assert rig.server.on_wall(_users(rig, lin, account)[1]) == ["hello"]


async def test_the_moment_of_the_reset_is_the_wait(rig: MastodonRig) -> None:
    account = await rig.account()
    rig.server.calls = 2
    shop = await rig.channel.open(account, Vault().keep)
    await shop.post(Peer("", "wall"), Outgoing("key-last", "open"))
    with pytest.raises(base.Throttled) as throttled:
        await shop.post(Peer("", "wall"), Outgoing("key-over", "open"))
    assert 290 < throttled.value.retry_after <= 300


async def test_a_reason_names_no_person(rig: MastodonRig) -> None:
    shop, human = await _open(rig), await rig.human()
    told = {"error": "@lin@e.example does not take messages"}
    fault = proxy.answer_with(422, json.dumps(told).encode())
    rig.server.faults.once(rig.send_part, fault)
    with pytest.raises(base.Refused) as refused:
        await shop.send(Peer(human.id), Outgoing("key-named", "hello"))
    assert str(refused.value) == "… does not take messages"


@pytest.mark.parametrize("where", ["lin", "@lin", "@a@b@c", "public:lin"])
async def test_an_address_of_another_form_is_refused(rig: MastodonRig, where: str) -> None:
    shop = await _open(rig)
    with pytest.raises(base.Refused):
        await shop.send(Peer(where), Outgoing("key-where", "hello"))


async def test_a_person_who_is_gone_has_no_name(rig: MastodonRig) -> None:
    shop = await _open(rig)
    assert await shop.fetch_profile("@gone@elsewhere.example") == base.Profile(
        "@gone@elsewhere.example"
    )


async def test_no_status_of_ours_is_news(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    us = _users(rig, human, account)[1]
    async with listening(shop) as heard:
        await rig.server.mention(us, us, "a note to self")
        await human.greet(account, "hello")
        assert await heard.texts(1) == ["hello"]
    assert abs((datetime.now(UTC) - heard.events[0].at).total_seconds()) < 60


def _users(
    rig: MastodonRig, human: MastodonHuman, account: base.Account
) -> tuple[User, User]:
    us = account.handle[1:].rpartition("@")[0]
    return rig.server.users[human.id[1:]], rig.server.users[us]
