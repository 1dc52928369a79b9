"""Whatever is told, in any order: nobody is in force who should not be."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from menting.base import clock
from menting.channels.base import Event, EventType
from menting.people import consent
from menting.people.consent import IN_FORCE
from menting.people.models import Consent, Conversation, Message, Reply
from menting.people.outbound import Outcome, Rejected, Unknown
from tests.people.people import SENT, Person, account, deliver

STOPS = ("退订", "TD", "please stop", "UNSUBSCRIBE", "怎么退订")
GRANTS = ("订阅", "Subscribe.")
ANSWERS = ("yes", "同意")
OTHERS = ("hello", "你好", "how do I subscribe?", "😀", "no idea")


class Told(RuleBasedStateMachine):
    """One person with two accounts; the model keeps what could ever have allowed it."""

    def __init__(self) -> None:
        super().__init__()
        self._savepoint = transaction.atomic()
        self._savepoint.__enter__()
        first = Person(account())
        self.people = [first, Person(account(), id=first.id)]
        self.told: list[tuple[int, Event]] = []
        #: By account: when the person last could have agreed, and last ended it.
        self.agreed_at: dict[int, datetime] = {}
        self.ended_at: dict[int, datetime] = {}
        self.noticed: set[int] = set()

    @override
    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._savepoint.__exit__(None, None, None)

    def _tell(self, which: int, event: Event) -> None:
        self.told.append((which, event))
        self.people[which].receive(event)

    def _write(self, which: int, text: str, *, audience: int = 1) -> datetime:
        at = clock.now()
        who = self.people[which]
        self._tell(which, who.event(EventType.MESSAGE, text, at=at, audience=audience))
        return at

    @rule(which=st.integers(0, 1), text=st.sampled_from(OTHERS))
    def says(self, which: int, text: str) -> None:
        self._write(which, text)

    @rule(which=st.integers(0, 1), text=st.sampled_from(GRANTS), audience=st.integers(1, 2))
    def subscribes(self, which: int, text: str, audience: int) -> None:
        at = self._write(which, text, audience=audience)
        if audience == 1:
            self.agreed_at[which] = at

    @rule(which=st.integers(0, 1), text=st.sampled_from(ANSWERS))
    def answers(self, which: int, text: str) -> None:
        at = self._write(which, text)
        if which in self.noticed:
            self.agreed_at[which] = at

    @rule(which=st.integers(0, 1), text=st.sampled_from(STOPS), audience=st.integers(1, 3))
    def stops(self, which: int, text: str, audience: int) -> None:
        at = self._write(which, text, audience=audience)
        self.ended_at = {0: at, 1: at}
        self.noticed.clear()

    @precondition(lambda self: Conversation.objects.exists())
    @rule(which=st.integers(0, 1))
    def leaves(self, which: int) -> None:
        if not Conversation.objects.filter(account=self.people[which].account).exists():
            return
        at = clock.now()
        self._tell(which, self.people[which].event(EventType.LEFT, at=at))
        self.ended_at[which] = at
        self.noticed.clear()

    @rule(outcome=st.sampled_from([SENT, Rejected("no"), Unknown("timeout")]))
    def what_waits_is_sent(self, outcome: Outcome) -> None:
        notices = Reply.objects.filter(is_notice=True, state="ready")
        waiting = set(notices.values_list("account", flat=True))
        deliver(*(who.account for who in self.people), outcome=outcome)
        if outcome is SENT:
            self.noticed |= {
                which for which, who in enumerate(self.people) if who.account.pk in waiting
            }

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def tells_again(self, data: st.DataObject) -> None:
        which, event = data.draw(st.sampled_from(self.told))
        before = (Message.objects.count(), Consent.objects.count(), Reply.objects.count())
        self.people[which].receive(event)
        assert before == (
            Message.objects.count(),
            Consent.objects.count(),
            Reply.objects.count(),
        )

    @rule(which=st.integers(0, 1), text=st.sampled_from(GRANTS + ANSWERS))
    def a_word_from_before_is_told_late(self, which: int, text: str) -> None:
        ended = self.ended_at.get(which)
        at = (ended or clock.now()) - timedelta(milliseconds=1)
        who = self.people[which]
        self._tell(which, who.event(EventType.MESSAGE, text, at=at))
        if ended is None and (text in GRANTS or which in self.noticed):
            self.agreed_at[which] = at

    @invariant()
    def nobody_is_in_force_who_should_not_be(self) -> None:
        for which, who in enumerate(self.people):
            rows = Conversation.objects.filter(account=who.account)
            if not rows.exists() or who.agreed() is None:
                continue
            assert which in self.agreed_at
            ended = self.ended_at.get(which)
            assert ended is None or self.agreed_at[which] > ended
            assert not rows.filter(is_closed=True).exists()
            assert rows.get().audience <= 1

    @invariant()
    def the_sql_and_the_function_agree_and_the_ledger_holds(self) -> None:
        found = Consent.objects.raw(f"select c.* from people_consent c where {IN_FORCE}")  # noqa: S608  # a constant
        by_sql = sorted(entry.pk for entry in found)
        each = [
            consent.in_force(entry.contact_id, entry.account_id, "news")
            for entry in Consent.objects.all()
        ]
        assert by_sql == sorted({entry.pk for entry in each if entry})
        assert consent.verify_ledger().first_broken is None

    @invariant()
    def each_message_has_one_automatic_answer_at_most(self) -> None:
        answered = Reply.objects.filter(is_automatic=True).values_list("message", flat=True)
        assert len(answered) == len(set(answered))


@pytest.mark.django_db
def test_nobody_is_in_force_who_should_not_be_whatever_is_told() -> None:
    run = settings(
        max_examples=30,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Told, settings=run)
