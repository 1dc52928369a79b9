"""Replies: one automatic answer a message, sent at most once, in the person's language."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from menting.base import clock
from menting.channels.base import EventType
from menting.people import erase, outcomes, replies
from menting.people.models import Conversation, Message, Reply
from menting.people.outbound import Accepted, Later, Outbound, Rejected, Skipped, Unknown
from menting.people.sendable import SendState
from menting.users import guard, house
from menting.users.guard import Actor
from menting.users.models import AuditEntry, Role
from tests.people.people import ME, Person, account, deliver

pytestmark = pytest.mark.django_db

_REFUSED = replies.CannotReplyError
_HOLDER = "from menting.base import lease; print(lease.holder_name())"


def _claim(who: Person, me: str = ME) -> list[Outbound]:
    later = clock.now() + timedelta(seconds=1)
    return replies.claim(me, [who.account.pk], now=later, limit=100)


def test_the_first_message_is_answered_with_the_notice_in_its_language() -> None:
    owner = guard.at_shell()
    house.fill(
        owner, legal_name="门庭书店", contact="010-1", language="en", time_zone="UTC"
    )
    lin, wu = Person(account()), Person(account())
    lin.writes("你好")
    wu.writes("hello")
    wu.writes("and more")
    (chinese,), (english,) = lin.answers(), wu.answers()
    for notice in (chinese, english):
        assert notice.is_notice
        assert "门庭书店" in notice.text
        assert "010-1" in notice.text
        assert notice.wording is not None
        assert notice.text == notice.wording.text
    assert "退订" in chinese.text
    assert "stop" in english.text


def test_a_changed_house_makes_a_new_version_of_the_wording() -> None:
    lin, wu = Person(account()), Person(account())
    lin.writes("hello")
    house.fill(
        guard.at_shell(), legal_name="Lin", contact="", language="en", time_zone="UTC"
    )
    wu.writes("hello")
    versions = [who.answers()[0].wording for who in (lin, wu)]
    assert [wording.version for wording in versions if wording] == [1, 2]


def test_a_grant_and_a_withdrawal_are_confirmed_once() -> None:
    lin = Person(account())
    for text in ("订阅", "订阅", "退订", "退订", "谢谢"):
        lin.writes(text)
    assert [reply.text[:3] for reply in lin.answers()] == ["已订阅", "已退订"]


def test_two_programs_that_echo_one_another_come_to_rest() -> None:
    lin = Person(account())
    lin.writes("hello")
    for _ in range(20):
        waiting = Reply.objects.filter(state=SendState.READY).order_by("pk")
        said = [reply.text for reply in waiting]
        deliver(lin.account)
        for text in said:
            lin.writes(text)
    assert len(lin.answers()) <= 3


def test_who_withdrew_or_left_is_not_asked_again() -> None:
    lin = Person(account())
    lin.writes("stop")
    again = Person(account(), id=lin.id)
    again.writes("hello")
    assert [reply.is_notice for reply in again.answers()] == [False]


def test_nobody_is_asked_in_a_group_or_for_joining() -> None:
    lin = Person(account())
    lin.receive(lin.event(EventType.JOINED))
    lin.writes("hello", audience=4)
    assert lin.answers() == []


def test_the_database_allows_one_automatic_reply_a_message() -> None:
    lin = Person(account())
    lin.writes("hello")
    message = Message.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Reply.objects.create(
            message=message,
            account=lin.account,
            is_automatic=True,
            text="again",
            due=clock.now(),
        )


def test_a_reply_goes_out_once_whoever_claims_it() -> None:
    lin = Person(account())
    lin.writes("hello")
    (item,) = _claim(lin)
    assert item.peer.id == lin.room
    assert _claim(lin, "test:2:two") == []
    assert replies.dispatch(item, item.text or "", me=ME)
    assert not replies.dispatch(item, item.text or "", me=ME)
    assert replies.settle(item, Accepted("$1"), me=ME)
    assert not replies.settle(item, Rejected("late"), me=ME)
    reply = Reply.objects.get()
    assert (reply.state, reply.provider_id, reply.attempts) == ("accepted", "$1", 1)
    assert Conversation.objects.get().noticed_at == reply.dispatched_at


def test_only_the_frozen_text_may_leave() -> None:
    lin = Person(account())
    lin.writes("hello")
    (item,) = _claim(lin)
    assert not replies.dispatch(item, "something else", me=ME)


def test_a_dead_sender_leaves_ready_what_had_not_left_and_unknown_what_may_have() -> None:
    lin, wu = Person(account()), Person(account())
    lin.writes("hello")
    wu.writes("hello")
    _claim(lin)
    (item,) = _claim(wu)
    replies.dispatch(item, item.text or "", me=ME)
    assert replies.recover(clock.now() + timedelta(minutes=2)) == 1
    assert lin.answers()[0].state == SendState.READY
    assert wu.answers()[0].state == SendState.UNKNOWN
    assert not replies.settle(item, Accepted("$late"), me=ME)
    (again,) = _claim(lin, "test:2:two")
    assert again.fence == 2
    assert again.key == item.key or again.id != item.id


def test_an_unknown_reply_is_asked_again_with_the_same_key_and_text() -> None:
    lin = Person(account())
    lin.writes("hello")
    (item,) = _claim(lin)
    replies.dispatch(item, item.text or "", me=ME)
    replies.settle(item, Unknown("timeout"), me=ME)
    (again,) = _asked_again(lin)
    assert (again.key, again.text) == (item.key, item.text)
    assert replies.settle(again, Accepted("$1"), me=ME)
    assert Conversation.objects.get().noticed_at is not None


def _asked_again(person: Person) -> list[Outbound]:
    now = clock.now()
    accounts = [person.account.pk]
    return replies.ask_again(ME, accounts, since=now - timedelta(hours=1), now=now, limit=5)


def test_an_unknown_notice_is_not_asked_for_once_the_person_refused() -> None:
    lin = Person(account())
    lin.writes("hello")
    deliver(lin.account, outcome=Unknown("timeout"))
    lin.writes("stop")
    assert _asked_again(lin) == []


def test_a_sender_whose_process_ended_gives_its_claims_back_at_once() -> None:
    lin = Person(account())
    lin.writes("hello")
    gone = subprocess.run([sys.executable, "-c", _HOLDER], capture_output=True, check=True)  # noqa: S603  # our own program
    _claim(lin, gone.stdout.decode().strip())
    assert _claim(lin) == []
    replies.recover(clock.now())
    assert len(_claim(lin)) == 1


@pytest.mark.sqlite("reads the plan in SQLite's words")
def test_tidying_looks_at_open_replies_alone() -> None:
    with connection.cursor() as cursor:
        for sql in (replies._LEASED, replies._READY, replies._UNKNOWN):
            given = sql.format(accounts="1").replace("%s", "1")
            cursor.execute(f"explain query plan {given}")
            plan = [row[3] for row in cursor.fetchall()]
            assert "USING INDEX reply_" in plan[0], plan


def test_what_is_proven_not_sent_is_tried_later_and_given_up_at_last() -> None:
    lin = Person(account())
    lin.writes("hello")
    for _ in range(outcomes.MOST_ATTEMPTS):
        Reply.objects.update(due=clock.now())
        (item,) = _claim(lin)
        replies.dispatch(item, item.text or "", me=ME)
        replies.settle(item, Later("throttled", clock.now()), me=ME)
    reply = Reply.objects.get()
    assert (reply.state, reply.reason) == ("rejected", "gave up: throttled")


@pytest.mark.parametrize("ends", ["stop", ""])
def test_a_notice_on_the_wire_is_not_tried_again_for_who_ended_it(ends: str) -> None:
    lin = Person(account())
    lin.writes("hello")
    (item,) = _claim(lin)
    replies.dispatch(item, item.text or "", me=ME)
    if ends:
        lin.writes(ends)
    else:
        lin.leaves()
    replies.settle(item, Later("throttled", clock.now()), me=ME)
    assert Reply.objects.get(is_notice=True).state == SendState.SKIPPED


def test_an_outcome_told_after_an_erasure_keeps_no_address() -> None:
    lin = Person(account())
    lin.writes("hello")
    (item,) = _claim(lin)
    replies.dispatch(item, item.text or "", me=ME)
    erase.erase(guard.at_shell(), lin.contact.pk)
    replies.settle(item, Rejected(f"{lin.room} is no room"), me=ME)
    reply = Reply.objects.get()
    assert (reply.state, reply.reason, reply.text) == ("rejected", "", "")


def test_a_claim_that_is_given_back_or_skipped_has_not_left() -> None:
    lin = Person(account())
    lin.writes("hello")
    replies.give_back(_claim(lin), me=ME)
    (item,) = _claim(lin)
    assert replies.settle(item, Skipped("the session ended"), me=ME)
    assert Reply.objects.get().state == SendState.SKIPPED


def test_answers_keep_the_pace_of_the_account() -> None:
    desk = account()
    desk.interval, desk.burst = 60_000_000, 2
    desk.save(update_fields=["interval", "burst"])
    for _ in range(5):
        Person(desk).writes("hello")
    assert deliver(desk) == 2
    assert deliver(desk) == 0


def test_nothing_leaves_while_the_house_is_held_and_nothing_old_after_it() -> None:
    lin = Person(account())
    lin.writes("hello")
    house.hold()
    assert deliver(lin.account) == 0
    house.go_on(guard.at_shell())
    assert deliver(lin.account) == 0
    assert Reply.objects.get().state == SendState.SKIPPED


def test_a_person_who_left_gets_nothing_that_waits() -> None:
    lin = Person(account())
    lin.writes("hello")
    items = _claim(lin)
    lin.leaves()
    assert not replies.dispatch(items[0], items[0].text or "", me=ME)
    assert Reply.objects.get().reason in ("left", "withdrew")


def test_an_operator_answers_one_message_by_hand_and_it_is_in_the_audit_log() -> None:
    lin = Person(account())
    lin.writes("what time do you open?")
    reply = replies.by_hand(guard.at_shell(), Message.objects.get().pk, " At nine. ")
    assert (reply.text, reply.is_automatic) == ("At nine.", False)
    assert Conversation.objects.get().unread == 0
    assert deliver(lin.account) == 2
    assert AuditEntry.objects.get(act="people.reply").detail == {"reply": reply.pk}


@pytest.mark.parametrize("text", ["", "  \n", "x" * (replies.MOST_CHARS + 1)])
def test_a_reply_by_hand_has_a_sensible_length(text: str) -> None:
    lin = Person(account())
    lin.writes("hello")
    with translation.override("en"), pytest.raises(_REFUSED, match="characters"):
        replies.by_hand(guard.at_shell(), Message.objects.get().pk, text)


def test_nobody_answers_a_message_that_is_not_there_or_whose_writer_left() -> None:
    lin = Person(account())
    lin.writes("hello")
    lin.leaves()
    with translation.override("en"), pytest.raises(_REFUSED, match="left"):
        replies.by_hand(guard.at_shell(), Message.objects.get().pk, "hi")
    with translation.override("en"), pytest.raises(_REFUSED, match="no received message"):
        replies.by_hand(guard.at_shell(), 999_999, "hi")


def test_a_visitor_may_not_answer() -> None:
    visitor = Actor(kind="user", name="9", role=Role.NONE)
    with pytest.raises(guard.NotAllowedError):
        replies.by_hand(visitor, 1, "hi")
