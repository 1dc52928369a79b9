"""People who agreed, as many as asked, written by SQL without asking the disk for each."""

# ruff: noqa: S608  # constants only

from django.db import connection

from menting.accounts.models import Account, AccountState
from menting.base import clock
from menting.people import wordings

ACCOUNTS = 500


def fill(people: int) -> None:
    """Write 500 accounts, and `people` who each agreed to hear from one of them."""
    given = {
        "n": people,
        "accounts": ACCOUNTS,
        "at": connection.ops.adapt_datetimefield_value(clock.now()),
        "wording": wordings.current("news", "en").pk,
    }
    Account.objects.bulk_create(
        Account(
            id=number,
            channel="matrix",
            handle=f"@desk{number}",
            wanted_online=True,
            state=AccountState.ONLINE,
            since=clock.now(),
        )
        for number in range(1, ACCOUNTS + 1)
    )
    with connection.cursor() as cursor:
        cursor.execute("pragma synchronous = off")
        for statement in _STATEMENTS:
            cursor.execute(statement, given)
        cursor.execute("pragma synchronous = full")
        cursor.execute("pragma wal_checkpoint(truncate)")


_NUMBERS = """with recursive k(n) as (
  select 1 union all select n + 1 from k where n < %(n)s)"""

_STATEMENTS = (
    f"""{_NUMBERS} insert into people_contact (id, name, language, created_at, last_at)
    select n, 'Person ' || n, case when n %% 2 then 'en' else 'zh-hans' end, %(at)s, %(at)s
    from k""",
    f"""{_NUMBERS} insert into people_identity
      (id, contact_id, channel, scope, external_id, name, created_at, endpoint)
    select n, n, 'matrix', '', '@person' || n || ':example.org', '', %(at)s, randomblob(32)
    from k""",
    f"""{_NUMBERS} insert into people_conversation
      (id, account_id, identity_id, external_id, audience, is_encrypted, is_closed,
       left_event, unread, last_at)
    select n, n %% %(accounts)s + 1, n, '!room' || n || ':example.org', 1, 0, 0, '', 0,
      %(at)s from k""",
    f"""{_NUMBERS} insert into people_message
      (id, account_id, conversation_id, direction, event_id, text, is_unreadable, at)
    select n, n %% %(accounts)s + 1, n, 'in', '$event' || n, 'subscribe', 0, %(at)s
    from k""",
    f"""{_NUMBERS} insert into people_consent
      (id, contact_id, identity_id, account_id, channel, purpose, act, wording_id,
       message_id, at, hash)
    select n, n, n, n %% %(accounts)s + 1, 'matrix', 'news', 'granted', %(wording)s, n,
      %(at)s, randomblob(32) from k""",
)
