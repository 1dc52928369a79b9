"""The limits of one chat."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels import base
from menting.channels.telegram import chats
from menting.channels.telegram.chats import Chats

START = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.lists(st.integers(0, 9_000), max_size=80), st.sampled_from(["7", "-1007"]))
def test_whatever_the_order_no_minute_of_a_chat_has_too_many(
    gaps: list[int], chat: str
) -> None:
    now, sent, kept = START, [], Chats()
    waits: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        for gap in gaps:
            now += timedelta(milliseconds=gap)
            patch.setattr(clock, "now", lambda now=now: now)
            try:
                kept.spend(chat)
            except base.Throttled as error:
                waits.append(error.retry_after)
            else:
                sent.append(now)
    assert all(0 < wait <= 3 for wait in waits)
    most = 20 if chat.startswith("-") else 60 + chats.PERSON.burst
    for start in sent:
        within = [at for at in sent if start <= at < start + timedelta(minutes=1)]
        assert len(within) <= most


def test_chats_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Chats()
    for number in range(5_000):
        at = START + timedelta(seconds=number / 30)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        kept.spend(str(number))
    assert len(kept) <= chats.MOST_CHATS + 1
