"""What platforms tell becomes contacts, conversations and messages, once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from menting.base import clock
from menting.channels.base import EventType
from menting.people import inbox
from menting.people.models import Contact, Conversation, Fact, Identity, Message, Reply
from tests.people.people import Person, account

pytestmark = pytest.mark.django_db


def test_a_person_who_writes_twice_is_one_contact() -> None:
    lin = Person(account())
    lin.writes("hello")
    lin.writes("are you there?")
    assert Contact.objects.count() == 1
    conversation = Conversation.objects.get()
    assert (conversation.unread, conversation.messages.count()) == (2, 2)


def test_the_same_batch_twice_changes_nothing() -> None:
    lin = Person(account())
    batch = [
        lin.event(EventType.JOINED),
        lin.event(EventType.MESSAGE, "订阅"),
        lin.event(EventType.LEFT),
        lin.event(EventType.MESSAGE, "我回来了"),
        lin.event(EventType.MESSAGE, "订阅"),
    ]
    lin.receive(*batch)
    before = [list(model.objects.values()) for model in _ALL]
    lin.receive(*batch)
    assert [list(model.objects.values()) for model in _ALL] == before
    assert lin.agreed() is not None


def test_events_told_in_the_wrong_order_are_each_one_message() -> None:
    lin = Person(account())
    now = clock.now()
    first = lin.event(EventType.MESSAGE, "one", at=now - timedelta(minutes=2))
    second = lin.event(EventType.MESSAGE, "two", at=now - timedelta(minutes=1))
    lin.receive(second, first)
    lin.receive(first, second, second)
    assert list(Message.objects.order_by("at").values_list("text", flat=True)) == [
        "one",
        "two",
    ]
    assert Conversation.objects.get().last_at == second.at


def test_the_resume_token_is_stored_with_the_batch() -> None:
    desk = account()
    inbox.receive(account_id=desk.pk, events=[], resume=b"s72")
    desk.refresh_from_db()
    assert bytes(desk.resume) == b"s72"


def test_a_batch_that_fails_keeps_the_old_resume_token() -> None:
    lin = Person(account())
    lin.receive(lin.event(EventType.JOINED))
    broken = lin.event(EventType.MESSAGE, "x")
    object.__setattr__(broken, "at", None)
    with pytest.raises(TypeError):
        inbox.receive(
            account_id=lin.account.pk,
            events=[lin.event(EventType.MESSAGE, "fine"), broken],
            resume=b"later",
        )
    lin.account.refresh_from_db()
    assert bytes(lin.account.resume) == b"next"
    assert not Message.objects.exists()


def test_a_name_is_kept_with_its_source_and_time_and_the_latest_counts() -> None:
    lin = Person(account(), name="Old")
    lin.writes("hello")
    lin.name = "New"
    lin.receive(lin.event(EventType.PROFILE))
    lin.name = "Older"
    lin.receive(lin.event(EventType.PROFILE, at=clock.now() - timedelta(days=1)))
    fact = Fact.objects.get()
    assert (fact.field, fact.value, fact.source) == ("name", "New", "matrix:profile")
    assert (lin.contact.name, Identity.objects.get().name) == ("New", "New")


@pytest.mark.parametrize("kind", [EventType.LEFT, EventType.PROFILE])
def test_a_stranger_who_did_not_come_makes_no_contact(kind: EventType) -> None:
    lin = Person(account())
    lin.receive(lin.event(kind))
    assert not Contact.objects.exists()


def test_whoever_writes_to_two_accounts_is_one_contact_with_two_conversations() -> None:
    lin = Person(account())
    lin.writes("hello")
    lin.account = account()
    lin.room = "!other:example.org"
    lin.writes("hello")
    assert Contact.objects.count() == 1
    assert Conversation.objects.count() == 2


def test_an_unreadable_message_is_kept_and_answered_once() -> None:
    lin = Person(account())
    lin.receive(lin.event(EventType.UNREADABLE), lin.event(EventType.UNREADABLE))
    assert Message.objects.filter(is_unreadable=True).count() == 2
    assert Conversation.objects.get().is_encrypted
    assert "encrypted" in Reply.objects.get().text


def test_readable_text_after_a_file_opens_the_conversation_again_and_is_asked() -> None:
    lin = Person(account())
    lin.receive(lin.event(EventType.UNREADABLE))
    lin.writes("hello")
    assert not Conversation.objects.get().is_encrypted
    assert [reply.is_notice for reply in lin.answers()] == [False, True]


def test_the_audience_of_a_place_is_the_same_for_everybody_in_it() -> None:
    lin = Person(account())
    lin.writes("hello")
    wu = Person(lin.account, room=lin.room)
    wu.writes("hello too", audience=2)
    assert set(Conversation.objects.values_list("audience", flat=True)) == {2}


@pytest.mark.parametrize(
    "text", ["a\x00b", "\ud800 alone", "x" * 1_000_000, "\U0010ffff\ufffe", "\u202e退订"]
)
def test_malformed_text_never_breaks_the_batch(text: str) -> None:
    lin = Person(account(), name=text)
    lin.receive(
        lin.event(EventType.MESSAGE, text, id_=text[:5000]),
        lin.event(EventType.MESSAGE, "good"),
    )
    lin.receive(lin.event(EventType.MESSAGE, text, id_=text[:5000]))
    assert Message.objects.count() == 2
    assert "\x00" not in Message.objects.order_by("pk")[0].text


def test_a_time_in_the_future_counts_as_now() -> None:
    lin = Person(account())
    lin.writes("hello", at=clock.now() + timedelta(days=400))
    assert Message.objects.get().at <= clock.now()


def test_a_message_of_a_known_person_needs_few_queries() -> None:
    lin = Person(account())
    lin.writes("hello")
    batch = [lin.event(EventType.MESSAGE, f"message {n}") for n in range(50)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        lin.receive(*batch)
    assert len(queries) <= 12 + 3 * len(batch)


_ALL = (Contact, Identity, Fact, Conversation, Message, Reply)
