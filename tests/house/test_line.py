"""The line that no channel crosses: no lists of people, no inviting, no strangers."""

import re
from pathlib import Path

import pytest

from menting.channels import base

CHANNELS = Path(base.__file__).parent
#: Calls of the platforms that tell of people who did not come, or go to them.
CROSSING = {
    "Matrix": r"/joined_members|/members|createRoom|/invite\b|user_directory|publicRooms",
    "Discord": r"/members|users/@me/channels|guilds/\{?[^\"]*/members",
    "Telegram": r"getChatMember|getChatAdministrators",
    "Mastodon": r"/followers|/following|accounts/search|api/v2/search",
    "QQ": r"/members|members/search",
    "WeCom": r"externalcontact/list|get_by_user|get_follow_user_list|groupchat/get",
    "XMPP": r"disco#items|muc#admin|jabber:iq:search",
}


@pytest.mark.parametrize("platform", CROSSING)
def test_no_channel_calls_what_lists_or_invites_people(platform: str) -> None:
    found = [
        f"{path.relative_to(CHANNELS)}: {line.strip()}"
        for path in sorted(CHANNELS.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(CROSSING[platform], line)
    ]
    assert found == []


def test_a_session_can_answer_and_post_and_has_no_way_to_a_stranger() -> None:
    ways = {name for name in vars(base.Session) if not name.startswith("_")}
    assert ways == {
        *("profile", "caps", "listen", "fetch_profile", "send", "post", "invite"),
        *("nudge", "close"),
    }
