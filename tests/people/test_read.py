"""People are listed by pages and segments, and shown with source, time and evidence."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.base import EventType
from menting.people import erase, read, segments
from menting.people.models import Contact
from menting.users import guard
from tests.people.people import Person, account, deliver

pytestmark = pytest.mark.django_db


def _names(segment: object = None) -> list[str]:
    return sorted(item["name"] for item in read.contacts(segment=segment).items)


def test_pages_follow_one_another_without_a_gap_or_a_repeat() -> None:
    desk = account()
    for n in range(7):
        Person(desk, name=f"P{n}").writes("hello")
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = read.contacts(cursor=cursor, limit=3)
        seen += [item["name"] for item in page.items]
        cursor = page.next
    assert seen == [f"P{n}" for n in reversed(range(7))]
    assert cursor is None


@pytest.mark.parametrize("cursor", ["x", "1", "1.2.3", "9" * 40 + ".1", "-.1"])
def test_a_cursor_of_ones_own_making_is_refused(cursor: str) -> None:
    with pytest.raises(read.BadCursorError, match="cursor"):
        read.contacts(cursor=cursor)


def test_a_person_is_shown_with_source_time_and_evidence() -> None:
    lin = Person(account(), name="Lin")
    lin.writes("订阅")
    told = read.person(lin.contact.pk)
    assert told["facts"][0]["source"] == "matrix:profile"
    assert told["consents"][0]["purpose"] == "news"
    (entry,) = told["consent_history"]
    assert entry["message"]["text"] == "订阅"
    assert entry["wording"]["language"] == "zh-hans"


def test_a_time_line_is_told_latest_first_by_every_part() -> None:
    lin = Person(account())
    lin.writes("hello")
    deliver(lin.account)
    lin.writes("yes")
    line = read.timeline(lin.contact.pk)
    assert [moment.kind for moment in line].count("message") == 2
    assert {moment.kind for moment in line} == {"message", "reply", "consent"}
    assert [moment.at for moment in line] == sorted(
        (moment.at for moment in line), reverse=True
    )


def test_nobody_is_shown_who_is_not_there_and_the_erased_are_not_listed() -> None:
    lin = Person(account())
    lin.writes("hello")
    pk = lin.contact.pk
    erase.erase(guard.at_shell(), pk)
    assert read.contacts().items == []
    assert read.person(pk)["erased_at"] is not None
    with pytest.raises(erase.NoSuchPersonError):
        read.person(999_999)


def test_segments_choose_people() -> None:
    desk, other = account(), account("xmpp")
    lin, wu, zoe = Person(desk, "Lin"), Person(desk, "Wu"), Person(other, "Zoe")
    lin.writes("订阅")
    wu.writes("hello", at=clock.now() - timedelta(days=3))
    zoe.writes("subscribe")
    zoe.writes("stop")
    since = (clock.now() - timedelta(days=1)).isoformat()
    cases: list[tuple[object, list[str]]] = [
        ({}, ["Lin", "Wu", "Zoe"]),
        ({"field": "language", "is": "zh-hans"}, ["Lin"]),
        ({"field": "language", "in": ["en", "fr"]}, ["Wu", "Zoe"]),
        ({"field": "channel", "is": "xmpp"}, ["Zoe"]),
        ({"field": "channel", "in": ["xmpp", "matrix"]}, ["Lin", "Wu", "Zoe"]),
        ({"field": "account", "is": desk.pk}, ["Lin", "Wu"]),
        ({"field": "account", "is": other.handle}, ["Zoe"]),
        ({"field": "consent", "is": "news"}, ["Lin"]),
        ({"not": {"field": "consent", "is": "news"}}, ["Wu", "Zoe"]),
        ({"field": "name", "contains": "w"}, ["Wu"]),
        ({"field": "wrote", "since": since}, ["Lin", "Zoe"]),
        ({"field": "wrote", "before": since}, ["Wu"]),
        (
            {
                "all": [
                    {"field": "account", "is": desk.pk},
                    {"any": [{"field": "name", "contains": "%"}, {"not": {"all": []}}]},
                ]
            },
            [],
        ),
    ]
    for tree, names in cases[:-1]:
        assert _names(tree) == names, tree
    with pytest.raises(
        segments.SegmentError, match=r"segment\.all\[1\]\.any\[1\]\.not\.all"
    ):
        _names(cases[-1][0])


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ([], "segment: must be an object"),
        ("x", "segment: must be an object"),
        ({"field": "password", "is": "x"}, r"segment\.field: must be one of"),
        ({"field": ["name"], "is": "x"}, r"segment\.field"),
        ({"field": "name"}, 'takes exactly one of "contains"'),
        ({"field": "name", "is": "x"}, "takes exactly one of"),
        ({"field": "name", "contains": ""}, r"segment\.contains"),
        ({"field": "name", "contains": "\ud800"}, r"segment\.contains"),
        ({"field": "account", "is": True}, r"segment\.is"),
        ({"field": "account", "is": 10**30}, r"segment\.is"),
        ({"field": "wrote", "since": "yesterday"}, r"segment\.since.*2026-05-31"),
        ({"field": "wrote", "since": "0001-01-01"}, r"segment\.since"),
        ({"all": {"field": "name"}}, r"segment\.all: must be a list"),
        ({"any": []}, r"segment\.any"),
        ({"all": [{}], "any": []}, "stands alone"),
        ({"all": [{"field": "name", "contains": "x"}, {}]}, r"segment\.all\[1\]"),
        (
            {"all": [{"field": "name", "contains": "x"}, {"field": "nam", "is": 1}]},
            r"segment\.all\[1\]\.field",
        ),
    ],
)
def test_a_segment_that_cannot_be_used_says_where_and_what_to_write(
    tree: object, place: str
) -> None:
    with pytest.raises(segments.SegmentError, match=place):
        segments.compile(tree)


def test_a_segment_has_its_limits() -> None:
    deep: object = {"field": "name", "contains": "x"}
    for _ in range(segments.MOST_DEPTH):
        deep = {"not": deep}
    with pytest.raises(segments.SegmentError, match="deep"):
        segments.compile(deep)
    with pytest.raises(segments.SegmentError, match="at most 200"):
        segments.compile({"any": [{"field": "name", "contains": "x"}] * 201})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["all", "any", "not", "field", "is", "in", "contains", "since"]
            ),
            inner | st.sampled_from(["name", "language", "account", "wrote", "consent"]),
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(_json)
def test_any_json_is_a_query_that_runs_or_a_segment_error(tree: object) -> None:
    try:
        chosen = segments.compile(tree)
    except segments.SegmentError:
        return
    assert list(Contact.objects.filter(chosen)) == []


def test_whoever_only_joined_is_a_contact_without_consent() -> None:
    lin = Person(account(), "Lin")
    lin.receive(lin.event(EventType.JOINED))
    (item,) = read.contacts().items
    assert (item["name"], item["consents"]) == ("Lin", [])
