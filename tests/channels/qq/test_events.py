"""What QQ's dispatches tell of people."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.base import Event, EventType
from menting.channels.qq import events
from menting.channels.qq.events import Bot

BOT = Bot("102000001", guild="7200")
AT = "2026-11-24T20:15:00+08:00"
KINDS = sorted({*events._TYPES, *events._PLACES})


def _tell(kind: str, body: Any, envelope: str = "") -> list[Event]:
    return events.tell(kind, body, envelope=envelope, bot=BOT)


def _written(**more: Any) -> dict[str, Any]:
    author = {"id": "U1", "user_openid": "A1", "member_openid": "M1", "username": ""}
    return {
        "id": "ROBOT1.0_x",
        "timestamp": AT,
        "author": author,
        "content": " hi ",
        **more,
    }


@pytest.mark.parametrize(
    ("kind", "place", "person", "scope", "is_dialogue"),
    [
        ("C2C_MESSAGE_CREATE", "c2c:A1", "A1", BOT.appid, True),
        ("GROUP_AT_MESSAGE_CREATE", "group:G1", "M1", f"{BOT.appid}:group", False),
        ("GROUP_MESSAGE_CREATE", "group:G1", "M1", f"{BOT.appid}:group", False),
        ("AT_MESSAGE_CREATE", "channel:C1", "U1", BOT.appid, False),
        ("DIRECT_MESSAGE_CREATE", "dm:D1", "U1", BOT.appid, True),
    ],
)
def test_a_message_names_its_place_and_its_writer(
    kind: str, place: str, person: str, scope: str, is_dialogue: bool
) -> None:
    body = _written(group_openid="G1", channel_id="C1", guild_id="D1")
    [told] = _tell(kind, body)
    assert (told.id, told.type, told.text) == ("ROBOT1.0_x", EventType.MESSAGE, "hi")
    assert (told.peer.id, told.sender.id, told.sender.scope) == (place, person, scope)
    assert told.sender.name is None
    assert (told.audience == 1) is is_dialogue
    assert told.at == datetime.fromisoformat(AT)


def test_the_mention_that_called_the_bot_is_no_part_of_the_text() -> None:
    body = _written(channel_id="C1", content="<@!102000001> 订阅 <@!7>")
    [told] = _tell("AT_MESSAGE_CREATE", body)
    assert told.text == "订阅 <@!7>"


def test_what_is_no_text_cannot_be_read() -> None:
    [told] = _tell("C2C_MESSAGE_CREATE", _written(content="", attachments=[{}]))
    assert (told.type, told.text) == (EventType.UNREADABLE, "")


def test_a_bot_is_no_person() -> None:
    author = {"user_openid": "A1", "bot": True}
    assert _tell("C2C_MESSAGE_CREATE", _written(author=author)) == []


@pytest.mark.parametrize(
    ("kind", "type_", "place", "person"),
    [
        ("FRIEND_ADD", EventType.JOINED, "c2c:A1", "A1"),
        ("FRIEND_DEL", EventType.LEFT, "c2c:A1", "A1"),
        ("C2C_MSG_RECEIVE", EventType.JOINED, "c2c:A1", "A1"),
        ("C2C_MSG_REJECT", EventType.LEFT, "c2c:A1", "A1"),
        ("GROUP_ADD_ROBOT", EventType.JOINED, "group:G1", "O1"),
        ("GROUP_DEL_ROBOT", EventType.LEFT, "group:G1", "O1"),
        ("GROUP_MSG_RECEIVE", EventType.JOINED, "group:G1", "O1"),
        ("GROUP_MSG_REJECT", EventType.LEFT, "group:G1", "O1"),
    ],
)
def test_coming_and_going_concern_who_did_it(
    kind: str, type_: EventType, place: str, person: str
) -> None:
    body = {"openid": "A1", "group_openid": "G1", "op_member_openid": "O1"}
    [told] = _tell(kind, {**body, "timestamp": 1780000000}, f"{kind}:77")
    assert (told.type, told.peer.id, told.sender.id) == (type_, place, person)
    assert told.id == f"event:{kind}:77"
    assert told.at.timestamp() == 1780000000


def test_a_member_who_comes_or_goes_is_the_one_concerned() -> None:
    body = {"group_openid": "G1", "member_openid": "M1", "op_member_openid": "O1"}
    for kind in ("GROUP_MEMBER_ADD", "GROUP_MEMBER_REMOVE"):
        [told] = _tell(kind, body)
        assert (told.sender.id, told.sender.scope) == ("M1", f"{BOT.appid}:group")
        assert told.audience > 1


def test_who_enters_a_guild_is_told_for_the_bots_own_alone() -> None:
    body = {"guild_id": "7200", "user": {"id": "U1", "username": "Lin"}, "nick": ""}
    [told] = _tell("GUILD_MEMBER_ADD", body)
    assert (told.sender.id, told.sender.name) == ("U1", "Lin")
    assert _tell("GUILD_MEMBER_ADD", {**body, "guild_id": "7201"}) == []
    unowned = events.tell("GUILD_MEMBER_ADD", body, envelope="", bot=Bot("1"))
    assert unowned == []


def test_the_code_of_a_landing_link_comes_with_the_friend() -> None:
    body = {"openid": "A1", "timestamp": 1, "scene": 2003, "scene_param": "spring"}
    assert _tell("FRIEND_ADD", body)[0].source == "spring"
    assert _tell("FRIEND_ADD", {**body, "scene_param": None})[0].source == ""


@pytest.mark.parametrize(
    "rest", [{}, {"timestamp": "soon"}, {"timestamp": []}, {"scene_param": {}, "nick": 7}]
)
def test_a_withdrawal_is_not_lost_for_the_form_of_what_it_does_not_need(
    rest: dict[str, Any],
) -> None:
    [told] = _tell("C2C_MSG_REJECT", {"openid": "A1", **rest})
    assert told.type is EventType.LEFT
    assert clock.now() - told.at < timedelta(seconds=5)


def test_the_same_event_has_the_same_id_even_without_an_envelope() -> None:
    body = {"openid": "A1", "timestamp": 1780000000}
    assert _tell("FRIEND_DEL", body)[0].id == _tell("FRIEND_DEL", body)[0].id
    assert _tell("FRIEND_DEL", body)[0].id != _tell("FRIEND_ADD", body)[0].id


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_FIELDS = st.sampled_from(
    (
        *("id", "openid", "timestamp", "author", "user_openid", "group_openid", "content"),
        *("user", "guild_id", "scene_param", "audit_id", "member_openid"),
        "op_member_openid",
    )
)


@given(st.sampled_from([*KINDS, "READY", "", "?"]), st.dictionaries(_FIELDS, _JSON) | _JSON)
def test_nothing_that_a_gateway_says_breaks_the_session(kind: str, body: Any) -> None:
    for told in _tell(kind, body):
        assert told.id
        assert told.at.tzinfo is not None
