"""What a room's events say of people, whatever a server puts into them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.base import Event, EventType
from menting.channels.matrix import synced, timeline

ME, LIN = "@shop:example.org", "@lin:example.org"


def _event(kind: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"event_id": "$1", "sender": LIN, "origin_server_ts": 1_700_000_000_000}
    return {**head, "type": kind, "content": content, **more}


def _tell(*raw: Any) -> list[Event]:
    events = synced.valid(raw)
    return timeline.tell(events, room="!r", me=ME, known=timeline.people(events))


def _text(body: Any, **content: Any) -> dict[str, Any]:
    return _event("m.room.message", {"msgtype": "m.text", "body": body, **content})


def _move(membership: str, *, who: str = LIN, was: str = "", **more: Any) -> dict[str, Any]:
    before = {"unsigned": {"prev_content": {"membership": was}}} if was else {}
    content = {"membership": membership, "displayname": "林见山"}
    return _event("m.room.member", content, state_key=who, **before, **more)


def test_an_answer_is_read_without_the_quote_before_it() -> None:
    related = {"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}}
    (event,) = _tell(_text("> <@shop:example.org> May we?\n> Say yes.\n\n同意", **related))
    assert event.text == "同意"


def test_what_looks_like_a_quote_without_being_an_answer_is_kept() -> None:
    (event,) = _tell(_text("> stop"))
    assert event.text == "> stop"


def test_an_edit_is_read_as_its_new_text() -> None:
    edit = {"m.relates_to": {"rel_type": "m.replace"}, "m.new_content": {"body": "退订"}}
    (event,) = _tell(_text("* 退订", **edit))
    assert event.text == "退订"


def test_what_programs_say_is_not_heard() -> None:
    assert _tell(_event("m.room.message", {"msgtype": "m.notice", "body": "订阅"})) == []


def test_what_the_account_did_itself_is_not_told() -> None:
    assert _tell({**_text("hello"), "sender": ME}, _move("join", who=ME, sender=ME)) == []


@pytest.mark.parametrize("kind", ["m.image", "m.file", "m.audio", "m.video"])
def test_a_file_is_something_that_cannot_be_shown(kind: str) -> None:
    (event,) = _tell(_event("m.room.message", {"msgtype": kind, "body": "cat.png"}))
    assert (event.type, event.text) == (EventType.UNREADABLE, "")


def test_encryption_switched_on_is_something_that_cannot_be_read() -> None:
    (event,) = _tell(_event("m.room.encryption", {"algorithm": "m.megolm"}, state_key=""))
    assert event.type is EventType.UNREADABLE


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("invite", "join", [EventType.JOINED]),
        ("", "join", [EventType.JOINED]),
        ("join", "join", [EventType.PROFILE]),
        ("join", "leave", [EventType.LEFT]),
        ("join", "ban", [EventType.LEFT]),
        ("invite", "leave", []),
        ("", "invite", []),
        ("", "knock", []),
    ],
)
def test_each_move_of_a_person_is_what_it_is(
    was: str, becomes: str, told: list[EventType]
) -> None:
    assert [event.type for event in _tell(_move(becomes, was=was))] == told


def test_a_person_who_puts_the_account_out_has_left() -> None:
    (event,) = _tell(_move("leave", who=ME, was="join"))
    assert (event.type, event.sender.id) == (EventType.LEFT, LIN)


def test_an_invitation_is_a_person_who_came() -> None:
    (event,) = _tell(_move("invite", who=ME))
    assert (event.type, event.sender.id) == (EventType.JOINED, LIN)


def test_a_known_name_comes_with_the_message() -> None:
    assert _tell(_move("join"), _text("hello"))[1].sender.name == "林见山"
    assert _tell(_text("hello"))[0].sender.name is None


def test_no_text_breaks_a_database() -> None:
    (event,) = _tell(_text("a\0b\ud800c"))
    assert event.text == "ab?c"


def test_an_event_with_a_name_that_no_database_holds_is_left_out() -> None:
    assert _tell({**_text("hello"), "sender": "@\ud800:example.org"}) == []


@pytest.mark.parametrize("stamp", [-5, 2**62, 4_000_000_000_000])
def test_a_wrong_clock_of_a_server_is_put_right(stamp: int) -> None:
    (event,) = _tell({**_text("hello"), "origin_server_ts": stamp})
    assert clock.from_millis(0) <= event.at <= clock.now()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = ("msgtype", "body", "membership", "displayname", "m.relates_to", "m.new_content")
CONTENT = st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(["m.text", "join"]))


@given(st.lists(JSON | st.builds(_event, st.sampled_from(synced.TYPES), CONTENT)))
def test_nothing_that_a_server_says_stops_the_reading(raw: list[Any]) -> None:
    for event in _tell(*raw):
        event.text.encode()


def test_an_account_came_in_by_its_last_invitation() -> None:
    raw = [_text("old"), _move("invite", who=ME), _text("new")]
    raw.append(_move("join", who=ME, was="invite", sender=ME))
    events = synced.valid(raw)
    assert synced.entry(events, ME) == 1
    assert synced.entry(events[2:], ME) is None


def test_an_account_came_into_a_public_room_by_its_joining() -> None:
    raw = [_text("old"), _move("join", who=ME, sender=ME), _text("new")]
    assert synced.entry(synced.valid(raw), ME) == 1


def test_a_new_name_of_the_account_is_no_coming_in() -> None:
    assert synced.entry(synced.valid([_move("join", who=ME, was="join")]), ME) is None
