"""What a Mastodon account writes, and who is told."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from menting.channels import base
from menting.channels.base import Button, Cap, Image, Inbound, Outgoing, Peer
from menting.channels.mastodon import statuses
from tests.contract.mastodon import MastodonRig, mastodon_rig
from tests.contract.rig import Vault, listening
from tests.fakes.mastodon import FakeMastodon
from tests.servers import proxy

PICTURE = Image(b"\x89PNG\r\n", "image/png", alt="the shop's door")


@pytest.fixture
async def rig(mastodon: FakeMastodon) -> AsyncIterator[MastodonRig]:
    """Give a fake server and the channel."""
    async with mastodon_rig(mastodon) as made:
        yield made


async def _open(rig: MastodonRig) -> base.Session:
    return await rig.channel.open(await rig.account(), Vault().keep)


async def test_an_answer_stands_below_what_it_answers(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    async with listening(shop) as heard:
        await human.greet(account, "hello")
        await heard.texts(1)
        [asked] = heard.events
        reply = Outgoing("key-1", "welcome", answers=Inbound(asked.id, asked.at))
        receipt = await shop.send(asked.peer, reply)
    [written] = rig.users(human, account)[1].statuses
    assert (written["id"], written["visibility"]) == (receipt.message_id, "direct")
    assert written["in_reply_to_id"] == asked.id.partition(":")[2]


async def test_a_direct_text_reaches_nobody_whom_it_names(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    third = rig.server.add("wang@third.example", "Wang")
    shop = await rig.channel.open(account, Vault().keep)
    await shop.send(Peer(human.id), Outgoing("key-named", f"ask @{third.acct}"))
    [written] = rig.users(human, account)[1].statuses
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
    us = rig.users(human, account)[1]
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
    assert rig.server.on_wall(rig.users(lin, account)[1]) == ["hello"]


async def test_what_lies_below_many_later_statuses_is_found(rig: MastodonRig) -> None:
    account, human = await rig.account(), await rig.human()
    shop = await rig.channel.open(account, Vault().keep)
    receipt = await shop.send(Peer(human.id), Outgoing("key-deep", "hello"))
    for number in range(90):
        await shop.post(Peer("", "wall"), Outgoing(f"key-{number}", f"post {number}"))
    rig.users(human, account)[1].keys.clear()
    again = await shop.send(Peer(human.id), Outgoing("key-deep", "hello", again=True))
    assert again.message_id == receipt.message_id


async def test_the_same_name_at_another_server_is_another_person(
    rig: MastodonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "SETTLE_SECONDS", 0.01)
    account = await rig.account()
    shop = await rig.channel.open(account, Vault().keep)
    people = [rig.server.add(acct, "Lin") for acct in ("lin", "lin@a.example")]
    await shop.send(Peer("@lin@mastodon.example"), Outgoing("key-1", "hello"))
    await shop.send(Peer("@lin@a.example"), Outgoing("key-2", "hello", again=True))
    us = rig.server.users[account.handle[1:].partition("@")[0]]
    assert [rig.server.direct(us, person) for person in people] == [["hello"]] * 2


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
    us = rig.users(human, account)[1]
    async with listening(shop) as heard:
        await rig.server.mention(us, us, "a note to self")
        await human.greet(account, "hello")
        assert await heard.texts(1) == ["hello"]
    assert abs((datetime.now(UTC) - heard.events[0].at).total_seconds()) < 60
