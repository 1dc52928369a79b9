"""In which form a message goes out on QQ."""

import dataclasses

import pytest

from menting.channels import base
from menting.channels.base import Button, EventType, Image, Outgoing, Peer
from tests.channels.qq.bots import (
    friend_of,
    heard_from,
    signed_in,
)
from tests.contract.qq import QQRig
from tests.contract.rig import listening

pytestmark = pytest.mark.qq


LINK = Button("Open the shop", "https://shop.example/l/abc")


async def test_a_link_is_a_button_where_markdown_is_granted(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    person = await friend_of(rig, bot)
    message = Outgoing("key", "2 * 3 = 6_", buttons=(LINK,))
    await opened.send(Peer(f"c2c:{person}"), message)
    [sent] = bot.places[f"c2c:{person}"].messages
    [[button]] = [row["buttons"] for row in sent.body["keyboard"]["content"]["rows"]]
    assert button["action"]["data"] == LINK.url
    assert button["render_data"]["label"] == "Open the s"
    assert sent.text == "2 * 3 = 6_"


async def test_a_link_stands_in_the_text_where_no_buttons_are_granted(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    person = await friend_of(rig, bot)
    place = bot.places[f"c2c:{person}"]
    place.has_buttons = False
    assert base.Cap.BUTTON in opened.caps
    message = Outgoing("key", "news", buttons=(LINK,))
    await opened.send(Peer(f"c2c:{person}"), message)
    assert [sent.text for sent in place.messages] == [f"news\n{LINK.label}: {LINK.url}"]
    assert base.Cap.BUTTON not in opened.caps


@pytest.mark.parametrize("kind", ["c2c", "group", "channel"])
async def test_a_link_that_is_not_filed_is_left_out(rig: QQRig, kind: str) -> None:
    opened, bot = await signed_in(rig)
    place = bot.place(kind, "77")
    strange = Button("Open", "https://elsewhere.example/")
    await opened.send(Peer(f"{kind}:77"), Outgoing("key", "news", buttons=(strange,)))
    assert [sent.text for sent in place.messages] == ["news"]
    with pytest.raises(base.Refused, match="not filed"):
        await opened.send(Peer(f"{kind}:77"), Outgoing("key-2", f"see {strange.url}"))


async def test_a_button_answer_asked_again_is_found_in_the_form_that_was_taken(
    rig: QQRig,
) -> None:
    opened, bot = await signed_in(rig)
    person = rig.platform.openid()
    inbound = await heard_from(rig, bot, person)
    place = bot.places[f"c2c:{person}"]
    place.has_buttons = False
    message = Outgoing("key", "news", buttons=(LINK,), answers=inbound)
    await opened.send(Peer(f"c2c:{person}"), message)
    await opened.send(Peer(f"c2c:{person}"), dataclasses.replace(message, again=True))
    assert len(place.messages) == 1


async def test_a_picture_goes_up_once_for_people_and_once_for_groups(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    image = Image(b"\x89PNG", "image/png")
    for place in ("c2c:A1", "c2c:A2", "group:B1"):
        bot.place(*place.split(":"))
        await opened.send(Peer(place), Outgoing(f"key {place}", "look", image=image))
        [sent] = bot.places[place].messages
        assert (sent.body["msg_type"], sent.text) == (7, "look")
    uploads = [path for _, path, _ in rig.platform.calls if path.endswith("/files")]
    assert uploads == ["/v2/users/A1/files", "/v2/groups/B1/files"]
    bot.place("channel", "77")
    with pytest.raises(base.Unsupported):
        await opened.send(Peer("channel:77"), Outgoing("key", "look", image=image))
    large = Image(bytes(5_000_001), "image/png")
    with pytest.raises(base.Refused, match="5 MB"):
        await opened.send(Peer("c2c:A1"), Outgoing("key", "look", image=large))


async def test_a_landing_link_brings_its_code_back(rig: QQRig) -> None:
    opened, bot = await signed_in(rig)
    async with listening(opened) as heard:
        url = await opened.invite("spring-2026")
        code = url.partition("&data=")[2]
        await rig.platform.befriend(bot, rig.platform.openid(), source=code)
        [added] = await heard.until(bool)
    assert (added.type, added.source) == (EventType.JOINED, "spring-2026")
    with pytest.raises(base.Refused):
        await opened.invite("x" * 33)
