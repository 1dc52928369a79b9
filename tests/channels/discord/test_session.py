"""What a bot sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.channels import base
from menting.channels.base import Button, Cap, Image, Inbound, Outgoing, Peer
from menting.channels.discord import forms
from tests.channels.discord.acts import Talk, bot_of, sign_in, with_options
from tests.contract.discord import DiscordRig
from tests.fakes.discord_state import ANNOUNCEMENTS, DM, FORUM, TEXT


async def test_an_answer_quotes_its_question_and_links_are_buttons(talk: Talk) -> None:
    answers = Inbound(talk.asked.id, talk.asked.at)
    buttons = tuple(Button(f"Open {n}", f"https://shop.example/{n}") for n in range(7))
    receipt = await talk.send(answers=answers, buttons=buttons)
    sent = talk.last()
    assert receipt.message_id == sent["id"]
    assert sent["message_reference"]["message_id"] == talk.asked.id
    assert [len(row["components"]) for row in sent["components"]] == [5, 2]
    shown = sent["components"][1]["components"][1]
    assert (shown["label"], shown["url"]) == ("Open 6", "https://shop.example/6")


async def test_an_answer_goes_out_though_its_question_is_gone(talk: Talk) -> None:
    await talk.send(answers=Inbound("1180123456789012345", talk.asked.at))
    assert "message_reference" not in talk.last()


async def test_a_picture_goes_with_its_text_and_its_description(talk: Talk) -> None:
    await talk.send(image=Image(b"\x89PNG", "image/png", "the shop"))
    sent = talk.last()
    [picture] = sent["attachments"]
    assert (sent["content"], picture["size"]) == ("hello", 4)
    assert picture["description"] == "the shop"


async def test_nobody_is_called_by_a_text(talk: Talk) -> None:
    body = forms.message(Outgoing("k", "@everyone <@7>"))
    assert body["allowed_mentions"] == {"parse": []}


@given(st.text(max_size=100))
def test_every_key_makes_a_nonce_that_discord_takes(key: str) -> None:
    assert len(forms.nonce(key)) == 24
    assert forms.nonce(key) == forms.nonce(key) != forms.nonce(key + "x")


def test_a_first_line_is_a_threads_title() -> None:
    body = forms.thread(Outgoing("k", f"\n{'t' * 150}\nthe rest"))
    assert body["name"] == "t" * 100
    assert body["message"]["content"].endswith("the rest")
    assert "nonce" not in body["message"]


@pytest.mark.parametrize(
    ("code", "withdraws"),
    [(50007, True), (50278, False), (50001, False), (50013, False), (10003, False)],
)
async def test_a_refusal_is_for_good_and_a_block_withdraws(
    talk: Talk, code: int, *, withdraws: bool
) -> None:
    talk.bot().channels[talk.asked.peer.id].closed = code
    with pytest.raises(base.Refused, match=str(code)) as refused:
        await talk.send()
    assert (refused.value.permanent, refused.value.withdraws) == (True, withdraws)


async def test_no_conversation_is_opened_with_a_stranger(talk: Talk) -> None:
    stranger = talk.rig.discord.user()
    for place in (stranger.id, "@me", "../users/@me/channels"):
        with pytest.raises(base.Refused):
            await talk.session.send(Peer(place), Outgoing("k", "hello"))
    assert not any("/users/@me/channels" in call for call in talk.rig.discord.api.calls)
    assert (await talk.session.fetch_profile(stranger.id)).name == "Lin"
    assert (await talk.session.fetch_profile("7")).name is None
    assert (await talk.session.fetch_profile("no/id")).name is None


async def test_landing_links_say_nothing_of_who_came_by_them(talk: Talk) -> None:
    assert Cap.INVITE not in talk.session.caps
    with pytest.raises(base.Unsupported):
        await talk.session.invite("code")


async def test_a_picture_of_a_person_is_where_everybody_sees_it(talk: Talk) -> None:
    talk.rig.discord.users[talk.asked.sender.id].avatar = "a_0123"
    seen = await talk.session.fetch_profile(talk.asked.sender.id)
    address = "https://cdn.discordapp.com/avatars"
    assert seen.avatar == f"{address}/{talk.asked.sender.id}/a_0123.png"


@pytest.mark.parametrize("kind", [TEXT, ANNOUNCEMENTS, FORUM])
async def test_a_wall_is_a_channel_or_a_forum(rig: DiscordRig, kind: int) -> None:
    account = await rig.account()
    wall = rig.discord.channel(bot_of(rig, account), kind, guild="77").id
    opened = await sign_in(rig, with_options(account, wall=wall))
    receipt = await opened.post(Peer(wall, "wall"), Outgoing("k", "open on Sunday"))
    assert receipt.message_id
    assert await rig.on_wall(account, wall) == ["open on Sunday"]


async def test_a_conversation_is_no_wall(rig: DiscordRig) -> None:
    account = await rig.account()
    direct = rig.discord.channel(bot_of(rig, account), DM).id
    opened = await sign_in(rig, with_options(account, wall=direct))
    with pytest.raises(base.Refused, match="text channel or a forum"):
        await opened.post(Peer(direct, "wall"), Outgoing("k", "hello"))
