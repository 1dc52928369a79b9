"""What stanzas mean, without a server."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels import base
from menting.channels.base import EventType
from menting.channels.xmpp import post, refusal
from menting.channels.xmpp.post import Ids
from menting.channels.xmpp.reading import Reader

ME = "shop@example.org"
READER = Reader(ME, archives=True)
IDS = Ids(ME, "secret")


def _stanza(markup: str, name: str = "message", **attributes: str) -> Element:
    given = {"from": "ann@example.org/phone", "to": ME, **attributes}
    told = "".join(f" {key.rstrip('_')}='{value}'" for key, value in given.items())
    return ET.fromstring(f"<{name} xmlns='jabber:client'{told}>{markup}</{name}>")  # noqa: S314  # our own


def _id(value: str, by: str = ME) -> str:
    return f"<stanza-id xmlns='urn:xmpp:sid:0' id='{value}' by='{by}'/>"


def test_a_chat_message_is_known_by_the_archives_id_and_moves_the_place() -> None:
    told = READER.message(_stanza(f"<body>hello</body>{_id('a1')}", type="chat", id="m1"))
    assert told is not None
    event, place = told
    assert (event.id, event.text, event.type) == ("a1", "hello", EventType.MESSAGE)
    assert (event.peer.id, event.sender.id, place) == (*("ann@example.org",) * 2, "a1")


def test_an_archive_id_that_another_server_put_there_is_not_believed() -> None:
    forged = _stanza(f"<body>x</body>{_id('a1', 'ann@example.org')}", id="m1")
    told = READER.message(forged)
    assert told is not None
    assert told[0].id != "a1"
    assert told[1] == ""


def test_without_an_archive_the_senders_id_counts_for_the_sender_alone() -> None:
    reader = Reader(ME)
    stanzas = [
        _stanza("<body>x</body>", id="1"),
        _stanza("<body>x</body>", id="1"),
        _stanza("<body>x</body>", id="1", **{"from": "bob@example.org"}),
    ]
    told = [reader.message(stanza) for stanza in stanzas]
    first, again, other = (item[0].id for item in told if item)
    assert first == again != other


def test_what_waited_at_the_server_has_its_time_and_moves_no_place() -> None:
    late = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>"
    told = READER.message(_stanza(f"<body>x</body>{late}{_id('a1')}"))
    assert told is not None
    assert told[0].at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (told[0].id, told[1]) == ("a1", "")


@pytest.mark.parametrize(
    "stamp", ["noon", "", "2999-01-01T00:00:00Z", "2026-13-01", "0001-01-01T00:00:00+23:00"]
)
def test_a_time_that_cannot_be_is_now(stamp: str) -> None:
    late = f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>"
    told = READER.message(_stanza(f"<body>x</body>{late}"))
    assert told is not None
    assert abs((clock.now() - told[0].at).total_seconds()) < 5


STRANGERS = st.just("eve@example.org/x") | st.text()
KINDS = st.sampled_from(["chat", "error", "subscribe", "unsubscribe"]) | st.text()


@given(STRANGERS, KINDS, st.lists(st.text(), min_size=4, max_size=4))
def test_whatever_a_stranger_sends_breaks_nothing(
    sender: str, kind: str, said: list[str]
) -> None:
    known, stamp, by, body = said
    told = {"from": sender, "type": kind, "id": known}
    stanza = Element("{jabber:client}message", told)
    SubElement(stanza, "{urn:xmpp:delay}delay", stamp=stamp)
    SubElement(stanza, "{urn:xmpp:sid:0}stanza-id", by=by)
    SubElement(stanza, "{jabber:client}body").text = body
    heard = READER.message(stanza)
    assert heard is None or "@" in sender
    assert post.bounced(stanza, IDS) is None
    event = READER.presence(stanza)
    assert event is None or kind in ("subscribe", "unsubscribe", "unsubscribed")
    assert isinstance(refusal.of(stanza), base.ChannelError)


@pytest.mark.parametrize(
    ("markup", "attributes"),
    [
        ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", {}),
        ("<received xmlns='urn:xmpp:receipts' id='1'/>", {}),
        ("<body/>", {}),
        ("<body>  </body>", {}),
        ("<body>x</body>", {"type": "groupchat"}),
        ("<body>x</body>", {"type": "headline"}),
        ("<body>x</body>", {"from": "example.org"}),
        ("<body>x</body>", {"from": f"{ME}/laptop"}),
        ("<body>x</body>", {"from": "@@"}),
        ("<x xmlns='http://jabber.org/protocol/muc#user'/><body>x</body>", {}),
    ],
)
def test_what_nobody_wrote_to_the_account_is_no_message(
    markup: str, attributes: dict[str, str]
) -> None:
    assert READER.message(_stanza(markup, **attributes)) is None


@pytest.mark.parametrize(
    "markup",
    [
        "<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>",
        "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
        "<encrypted xmlns='urn:xmpp:omemo:2'/>",
        "<x xmlns='jabber:x:encrypted'>abc</x>",
    ],
)
def test_an_encrypted_message_is_unreadable_whatever_its_body_says(markup: str) -> None:
    told = READER.message(_stanza(f"{markup}<body>I sent you a message</body>"))
    assert told is not None
    assert (told[0].type, told[0].text) == (EventType.UNREADABLE, "")


def _carbon(kind: str, outer: str, inner: str) -> Element:
    message = f"<message xmlns='jabber:client' from='{inner}'><body>stop</body></message>"
    forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded>"
    markup = f"<{kind} xmlns='urn:xmpp:carbons:2'>{forwarded}</{kind}>"
    return _stanza(markup, **{"from": outer})


def test_what_was_written_to_another_device_of_the_account_is_heard() -> None:
    told = READER.message(_carbon("received", ME, "ann@example.org/phone"))
    assert told is not None
    assert (told[0].text, told[0].sender.id) == ("stop", "ann@example.org")


def test_what_the_account_wrote_at_another_device_is_no_message() -> None:
    assert READER.message(_carbon("sent", ME, f"{ME}/laptop")) is None


def test_nobody_else_can_put_words_into_a_persons_mouth() -> None:
    assert READER.message(_carbon("received", "eve@x.org/a", "ann@example.org/a")) is None


def test_who_follows_is_told_once_and_who_leaves_each_time() -> None:
    follow = [READER.presence(_stanza("", "presence", type="subscribe", id="p"))] * 2
    assert [event.type for event in follow if event] == [EventType.JOINED] * 2
    assert len({event.id for event in follow if event}) == 1
    for kind in ("unsubscribe", "unsubscribed"):
        leave = [
            READER.presence(_stanza("", "presence", type=kind, id="1")) for _ in range(2)
        ]
        assert [event.type for event in leave if event] == [EventType.LEFT] * 2
        assert len({event.id for event in leave if event}) == 2


@pytest.mark.parametrize("kind", ["available", "unavailable", "probe", "error"])
def test_other_presence_is_nobodys_act(kind: str) -> None:
    assert READER.presence(_stanza("", "presence", type=kind)) is None


def _error(kind: str, name: str) -> Element:
    told = f"<{name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    return _stanza(f"<error type='{kind}'>{told}</error>", type="error")


@pytest.mark.parametrize(
    ("kind", "name", "permanent"),
    [
        ("cancel", "service-unavailable", True),
        ("cancel", "item-not-found", True),
        ("cancel", "gone", True),
        ("auth", "forbidden", True),
        ("cancel", "not-allowed", True),
        ("modify", "policy-violation", True),
        ("cancel", "remote-server-not-found", True),
        ("wait", "remote-server-timeout", False),
        ("wait", "recipient-unavailable", False),
        ("wait", "internal-server-error", False),
    ],
)
def test_an_error_refuses_for_good_or_for_now(
    kind: str, name: str, permanent: bool
) -> None:
    error = refusal.of(_error(kind, name))
    assert isinstance(error, base.Refused)
    assert (str(error), error.permanent, error.withdraws) == (name, permanent, False)


@pytest.mark.parametrize("name", ["resource-constraint", "policy-violation"])
def test_a_server_that_asks_to_wait_throttles_this_conversation(name: str) -> None:
    error = refusal.of(_error("wait", name))
    assert isinstance(error, base.Throttled)
    assert error.of_peer
    assert error.retry_after == refusal.WAIT_SECONDS


def test_an_error_without_form_refuses() -> None:
    for markup in ("", "<error/>", "<error type='cancel'><gone xmlns='other'/></error>"):
        error = refusal.of(_stanza(markup, type="error"))
        assert (type(error), str(error)) == (base.Refused, "undefined-condition")


def test_a_failed_sign_in_is_an_operators_matter_unless_it_passes() -> None:
    disabled = refusal.of_sign_in("account-disabled")
    assert isinstance(disabled, base.AuthFailed)
    assert disabled.banned
    wrong = refusal.of_sign_in("not-authorized")
    assert isinstance(wrong, base.AuthFailed)
    assert not wrong.banned
    assert isinstance(refusal.of_sign_in("temporary-auth-failure"), base.Unreachable)


def test_only_the_addressees_error_is_a_bounce() -> None:
    ids = Ids(ME, "secret")
    known = ids.of("ann@example.org", "delivery-7")
    from_ann, from_eve = _error("cancel", "gone"), _error("cancel", "gone")
    from_ann.set("id", known)
    from_eve.attrib |= {"id": known, "from": "eve@example.org"}
    event = post.bounced(from_ann, ids)
    assert event is not None
    assert (event.type, event.about, event.text) == (EventType.BOUNCED, known, "gone")
    assert post.bounced(from_eve, ids) is None
    assert post.bounced(_error("cancel", "gone"), ids) is None


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_an_id_is_the_same_at_each_try_and_tells_the_addressee(
    person: str, other: str, key: str
) -> None:
    ids = Ids(ME, "secret")
    known = ids.of(person, key)
    assert known == ids.of(person, key)
    assert ids.is_of(known, person)
    assert ids.is_of(known, other) is (person == other)
