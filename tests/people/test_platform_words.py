"""What platforms say beyond messages: scopes, landing links, bounces and blocks."""

from dataclasses import replace

import pytest

from menting.base import clock
from menting.channels.base import Event, EventType, Peer, Profile
from menting.people import inbox
from menting.people.models import Consent, Contact, Conversation, Fact, Identity, Reply
from menting.people.outbound import Accepted, Rejected
from tests.people.people import Person, account, deliver

pytestmark = pytest.mark.django_db


def _told(lin: Person, type_: EventType, about: str, text: str = "") -> None:
    sender, peer = Profile(""), Peer("")
    told = Event(f"about-{about}", type_, peer, sender, clock.now(), text, about=about)
    inbox.receive(account_id=lin.account.pk, events=[told], resume=b"next")


def test_the_same_id_in_two_scopes_is_two_people() -> None:
    for scope in ("bot1", "bot2"):
        lin = Person(account("qq"), id="OPENID")
        event = lin.event(EventType.MESSAGE, "hello")
        lin.receive(replace(event, sender=replace(event.sender, scope=scope)))
    assert Contact.objects.count() == 2
    assert sorted(Identity.objects.values_list("scope", flat=True)) == ["bot1", "bot2"]


def test_the_first_landing_link_says_how_a_person_came() -> None:
    lin = Person(account())
    for code in ("spring-fair", "poster"):
        lin.receive(replace(lin.event(EventType.JOINED), source=code))
    fact = Fact.objects.get(contact=lin.contact, field="came_by")
    assert (fact.value, fact.source) == ("spring-fair", "matrix:link")


def test_a_webhook_leaves_the_place_of_the_session_as_it_is() -> None:
    lin = Person(account())
    lin.writes("hello")
    event = lin.event(EventType.MESSAGE, "by webhook")
    inbox.receive(account_id=lin.account.pk, events=[event])
    lin.account.refresh_from_db()
    assert bytes(lin.account.resume) == b"next"


def test_what_waits_for_a_tap_is_taken_and_says_so_until_it_arrived() -> None:
    lin = Person(account())
    lin.writes("hello")
    deliver(lin.account, outcome=Accepted("m1", "waits for a member's tap"))
    assert Reply.objects.get().reason == "waits for a member's tap"
    _told(lin, EventType.ARRIVED, "m1")
    assert (Reply.objects.get().state, Reply.objects.get().reason) == ("accepted", "")


def test_a_bounce_says_of_the_right_message_that_it_did_not_arrive() -> None:
    lin, wu = Person(account()), Person(account())
    for one in (lin, wu):
        one.writes("hello")
        deliver(one.account, outcome=Accepted("m1"))
    _told(lin, EventType.BOUNCED, "m1", "no such mailbox")
    assert [(r.state, r.reason) for r in lin.answers()] == [("rejected", "no such mailbox")]
    assert [(r.state, r.reason) for r in wu.answers()] == [("accepted", "")]
    _told(lin, EventType.BOUNCED, "", "nothing is named")
    assert [r.state for r in wu.answers()] == ["accepted"]


def test_a_refusal_because_of_a_block_is_entered_as_a_withdrawal() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    assert lin.agreed()
    deliver(lin.account, outcome=Rejected("blocked", withdraws=True))
    assert not lin.agreed()
    assert Conversation.objects.get().is_closed
    assert Consent.objects.latest("pk").act == Consent.Act.SIGNAL
    lin.writes("subscribe")
    assert lin.agreed()


def test_any_other_refusal_withdraws_nothing() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    deliver(lin.account, outcome=Rejected("too long"))
    assert lin.agreed()
