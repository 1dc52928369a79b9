"""Who may be written to: only on a person's own act, and never after they ended it."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from menting.base import clock
from menting.channels.base import EventType
from menting.people import consent, ledger, replies
from menting.people.consent import IN_FORCE, WHY_NOT
from menting.people.models import Consent, Conversation, Reply
from menting.people.outbound import Accepted, Rejected, Unknown
from menting.people.sendable import SendState
from tests.people.people import ME, Person, account, deliver

pytestmark = pytest.mark.django_db


def _acts() -> list[str]:
    return list(Consent.objects.order_by("pk").values_list("act", flat=True))


def test_a_subscription_is_a_grant_with_message_and_wording_as_evidence() -> None:
    lin = Person(account())
    event = lin.writes("订阅")
    entry = lin.agreed()
    assert entry is not None
    assert entry.message is not None
    assert entry.message.event_id == event.id
    assert entry.wording is not None
    assert (entry.purpose, entry.wording.language) == ("news", "zh-hans")


def test_nothing_but_words_grants() -> None:
    lin = Person(account())
    lin.receive(lin.event(EventType.JOINED), lin.event(EventType.MESSAGE, "hello"))
    lin.receive(lin.event(EventType.PROFILE))
    assert _acts() == []
    assert lin.agreed() is None


def test_a_yes_counts_only_after_a_notice_was_accepted() -> None:
    lin = Person(account())
    lin.writes("yes")
    assert lin.agreed() is None
    deliver(lin.account)
    lin.writes("yes")
    entry = lin.agreed()
    assert entry is not None
    assert entry.wording == Reply.objects.get(is_notice=True).wording


@pytest.mark.parametrize("outcome", [Rejected("no"), Unknown("timeout")])
def test_a_yes_to_a_notice_that_may_not_have_arrived_does_not_count(
    outcome: Rejected | Unknown,
) -> None:
    lin = Person(account())
    lin.writes("hello")
    deliver(lin.account, outcome=outcome)
    lin.writes("yes")
    assert lin.agreed() is None


def test_a_yes_counts_for_24_hours_and_in_its_own_conversation() -> None:
    lin = Person(account())
    with time_machine.travel(clock.now() - timedelta(hours=25), tick=True):
        lin.writes("hello")
        deliver(lin.account)
    lin.writes("yes")
    assert lin.agreed() is None
    elsewhere = Person(lin.account, id=lin.id)
    elsewhere.writes("hello")
    deliver(lin.account)
    lin.writes("yes")
    assert lin.agreed() is None
    elsewhere.writes("yes")
    assert lin.agreed() is not None


def test_a_yes_that_comes_before_the_notice_is_settled_counts_then() -> None:
    lin = Person(account())
    lin.writes("你好")
    (item,) = replies.claim(ME, [lin.account.pk], now=clock.now(), limit=5)
    assert replies.dispatch(item, item.text or "", me=ME)
    lin.writes("同意")
    assert lin.agreed() is None
    assert replies.settle(item, Accepted("$n"), me=ME)
    assert lin.agreed() is not None
    assert [reply.is_notice for reply in lin.answers()] == [True, False]


def test_a_withdrawal_before_the_notice_is_settled_is_not_asked_again() -> None:
    lin = Person(account())
    lin.writes("你好")
    (item,) = replies.claim(ME, [lin.account.pk], now=clock.now(), limit=5)
    replies.dispatch(item, item.text or "", me=ME)
    lin.writes("退订")
    replies.settle(item, Accepted("$n"), me=ME)
    lin.writes("同意")
    assert lin.agreed() is None


def test_a_no_to_the_notice_is_kept_and_never_asked_again() -> None:
    lin = Person(account())
    lin.writes("hello")
    deliver(lin.account)
    lin.writes("no")
    assert _acts() == ["withdrawn"]
    elsewhere = Person(account(), id=lin.id)
    elsewhere.writes("hello")
    assert [reply.is_notice for reply in lin.answers()] == [True, False]


def test_a_withdrawal_ends_what_was_agreed_with_every_account() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    second = Person(account(), id=lin.id)
    second.writes("subscribe")
    lin.writes("stop")
    assert lin.agreed() is None
    assert second.agreed() is None
    second.writes("subscribe")
    assert second.agreed() is not None
    assert lin.agreed() is None


def test_a_leave_ends_consent_and_writing_again_does_not_bring_it_back() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    lin.leaves()
    assert _acts() == ["granted", "signal"]
    assert Conversation.objects.get().is_closed
    lin.writes("I am back")
    assert not Conversation.objects.get().is_closed
    assert lin.agreed() is None
    lin.writes("subscribe")
    assert lin.agreed() is not None


def test_a_leave_told_late_does_not_undo_a_later_agreement() -> None:
    lin = Person(account())
    lin.writes("hello", at=clock.now() - timedelta(minutes=3))
    lin.writes("subscribe", at=clock.now() - timedelta(minutes=1))
    lin.leaves(at=clock.now() - timedelta(minutes=2))
    assert lin.agreed() is not None


def test_a_subscription_told_after_a_later_withdrawal_does_not_count() -> None:
    lin = Person(account())
    lin.writes("stop", at=clock.now() - timedelta(minutes=1))
    lin.writes("subscribe", at=clock.now() - timedelta(minutes=2))
    assert lin.agreed() is None


def test_an_old_history_does_not_grant_but_it_withdraws() -> None:
    lin = Person(account())
    lin.writes("subscribe", at=clock.now() - timedelta(days=400))
    assert lin.agreed() is None
    lin.writes("stop", at=clock.now() - timedelta(days=300))
    assert _acts() == ["withdrawn"]
    assert lin.answers() == []


def test_words_in_a_group_grant_nothing_but_withdraw() -> None:
    lin = Person(account())
    lin.writes("subscribe", audience=3)
    assert lin.agreed() is None
    lin.writes("hello", audience=1)
    lin.writes("subscribe")
    lin.writes("stop", audience=3)
    lin.writes("hello", audience=1)
    assert lin.agreed() is None


def test_a_third_person_who_joins_ends_the_dialogue_and_its_consent() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    other = Person(lin.account, room=lin.room)
    other.receive(other.event(EventType.JOINED, audience=2))
    assert lin.agreed() is None
    other.leaves(audience=1)
    assert lin.agreed() is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"is_closed": True}, "left"),
        ({"audience": 2}, "not a dialogue"),
        ({"is_encrypted": True}, "encrypted"),
    ],
)
def test_a_consent_is_not_in_force_where_it_cannot_be_used(
    change: dict[str, object], why: str
) -> None:
    lin = Person(account())
    lin.writes("subscribe")
    Conversation.objects.update(**change)
    assert lin.agreed() is None
    assert _why_not() == why


def test_the_reason_says_that_a_person_withdrew_and_nothing_for_a_consent_in_force() -> (
    None
):
    lin = Person(account())
    lin.writes("subscribe")
    assert _why_not() is None
    lin.writes("stop")
    assert _why_not() == "withdrew"


def test_a_waiting_notice_is_not_sent_to_who_withdraws() -> None:
    lin = Person(account())
    lin.writes("hello")
    lin.writes("stop")
    notice = Reply.objects.get(is_notice=True)
    assert (notice.state, notice.reason) == (SendState.SKIPPED, "withdrew")


@pytest.mark.sqlite("reads the plan in SQLite's words")
def test_many_consents_are_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "explain query plan select c.id from people_consent c where c.account_id = 1 "  # noqa: S608  # a constant
            f"and c.purpose = 'news' and c.act = 'granted' and {IN_FORCE}"
        )
        plan = [row[3] for row in cursor.fetchall()]
    assert not [step for step in plan if step.startswith("SCAN")]
    assert any("consent_for" in step for step in plan)
    assert any("consent_of" in step for step in plan)


@pytest.mark.parametrize(
    "change",
    [
        "update people_consent set act = 'granted'",
        "update people_consent set at = '2030-01-01' "
        "where id = (select min(id) from people_consent)",
        "delete from people_consent",
    ],
)
def test_the_database_refuses_to_change_the_ledger(change: str) -> None:
    lin = Person(account())
    lin.writes("subscribe")
    lin.writes("stop")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    assert consent.verify_ledger().first_broken is None


@pytest.mark.parametrize(
    "change",
    [
        "update people_consent set purpose = 'other' where id = {second}",
        "update people_consent set contact_id = contact_id + 0, at = '2030-01-01 00:00:00' "
        "where id = {second}",
        "update people_consent set message_id = message_id - 1 where id = {third}",
        "update people_consent set hash = "
        "(select hash from people_consent where id = {third}) "
        "where id = {second}",
        "delete from people_consent where id = {second}",
        "update people_consent set id = 900 where id = {second}",
    ],
)
def test_tampering_with_the_ledger_is_found(change: str) -> None:
    lin = Person(account())
    for text in ("subscribe", "stop", "subscribe", "stop"):
        lin.writes(text)
    verdict = consent.verify_ledger()
    assert (verdict.entries, verdict.first_broken) == (4, None)
    ids = list(Consent.objects.order_by("pk").values_list("pk", flat=True))
    ledger.unguard()
    with connection.cursor() as cursor:
        cursor.execute(change.format(second=ids[1], third=ids[2]))
    after = consent.verify_ledger()
    assert after.first_broken is not None
    assert after.head != verdict.head


def _why_not() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {WHY_NOT} from people_consent c "  # noqa: S608  # a constant
            "join people_message m on m.id = c.message_id "
            "join people_conversation v on v.id = m.conversation_id "
            "join people_identity i on i.id = c.identity_id order by c.id limit 1"
        )
        return str(value) if (value := cursor.fetchone()[0]) is not None else None
