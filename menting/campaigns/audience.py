"""Who gets a campaign, and a reason for each person who does not.

All of it is SQL over the ledger's indexes: a million people are judged where they lie.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from menting.campaigns.models import Campaign
from menting.people import segments
from menting.people.models import Contact


class Reason(models.TextChoices):
    """Why somebody is left out: the nearest they came to being written to."""

    OUTSIDE = "outside_segment", _("Not in the segment")
    NEVER = "never_agreed", _("Never agreed")
    OTHER = "other_account", _("Agreed to another account only")
    LEFT = "left_or_blocked", _("Left or blocked the account")
    WITHDREW = "withdrew", _("Opted out")
    ACCOUNT = "account_cannot_send", _("The account cannot send")
    GROUP = "not_a_dialogue", _("Agreed in a group only")
    ENCRYPTED = "encrypted", _("The conversation is encrypted")
    CLOSED = "closed", _("The conversation is closed")
    SUPPRESSED = "suppressed", _("The address is suppressed")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A person who does not get the campaign."""

    contact_id: int
    name: str
    reason: str


def stage(campaign: Campaign) -> int:
    """Fill the temporary table `staged` in account order; return how many people it holds.

    Call it outside a transaction: a temporary table takes no write lock of the state.
    """
    given = _given(campaign)
    with connection.cursor() as cursor:
        unstage()
        cursor.execute(_MAKE_STAGED)
        cursor.execute(_STAGE + _segment(campaign, given), given)
        cursor.execute("create index staged_contact on staged (contact_id)")
        cursor.execute(_ONE_EACH)
        cursor.execute("select count(*) from staged")
        return int(cursor.fetchone()[0])


def unstage() -> None:
    """Forget the staged people."""
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists staged")


def count_left_out(campaign: Campaign) -> dict[str, int]:
    """Count by reason the people who are not staged."""
    given = _given(campaign)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(reason=_reason(campaign, given)), given)
        return {reason: n for reason, n in cursor.fetchall() if reason is not None}


def left_out(campaign: Campaign, *, after: int = 0, limit: int = 100) -> list[LeftOut]:
    """Return people who do not get it, with the reason, by id from `after` on."""
    given = _given(campaign) | {"after": after, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_LIST.format(reason=_reason(campaign, given)), given)
        return [LeftOut(*row) for row in cursor.fetchall()]


def _given(campaign: Campaign) -> dict[str, Any]:
    return {"campaign": campaign.pk, "purpose": campaign.purpose}


def _segment(campaign: Campaign, given: dict[str, Any]) -> str:
    inside = _inside(campaign.segment, given)
    return f" and {inside}{_IN_ORDER}" if inside else _IN_ORDER


def _reason(campaign: Campaign, given: dict[str, Any]) -> str:
    inside = _inside(campaign.segment, given)
    first = f"when not {inside} then '{Reason.OUTSIDE}'" if inside else ""
    return _REASON.format(outside=first)


def _inside(segment: Mapping[str, Any], given: dict[str, Any]) -> str:
    """Return the condition that contact `c` is in the segment, its values put into `given`."""
    if not segment:
        return ""
    chosen = Contact.objects.filter(segments.compile(segment)).order_by().values("pk")
    sql, values = chosen.query.sql_with_params()
    given.update({f"segment{n}": value for n, value in enumerate(values)})
    numbers = iter(range(len(values)))
    return f"c.id in ({re.sub('%s', lambda _: f'%(segment{next(numbers)})s', sql)})"


#: `n` numbers the rows as they are inserted. (PostgreSQL: generated always as identity.)
_MAKE_STAGED = """
create temporary table staged (
  n integer primary key, account_id bigint, contact_id bigint, identity_id bigint,
  conversation_id bigint, consent_id bigint, language varchar(16)
)"""

#: An account of the campaign that can send at all.
_USABLE = "a.removed_at is null and a.state <> 'banned'"

#: Grant `g` is the last word of that person to that account on that purpose.
_LAST_WORD = """not exists (
  select 1 from people_consent e where e.contact_id = g.contact_id
  and e.account_id = g.account_id and e.id > g.id and e.purpose in (g.purpose, '*'))"""

#: Cross joins keep SQLite to this order: account, then its grants by the index `consent_for`.
_STAGE = f"""
insert into staged
  (account_id, contact_id, identity_id, conversation_id, consent_id, language)
select g.account_id, g.contact_id, g.identity_id, v.id, g.id, c.language
from campaigns_campaign_accounts ca
cross join accounts_account a
cross join people_consent g
cross join people_message m
cross join people_conversation v
cross join people_contact c
where ca.campaign_id = %(campaign)s and a.id = ca.account_id and {_USABLE}
  and g.account_id = a.id and g.purpose = %(purpose)s and g.act = 'granted'
  and m.id = g.message_id and v.id = m.conversation_id and c.id = g.contact_id
  and v.audience <= 1 and not v.is_encrypted and not v.is_closed
  and {_LAST_WORD}"""  # noqa: S608  # constants only

_IN_ORDER = " order by g.account_id, g.contact_id"

#: Of several accounts a person agreed to, the one they wrote to last stays.
_ONE_EACH = """
delete from staged where n in (
  select n from (
    select s.n, row_number() over (
      partition by s.contact_id
      order by (
        select m.at from people_message m
        where m.conversation_id = s.conversation_id and m.direction = 'in'
        order by m.at desc, m.id desc limit 1
      ) desc, s.account_id, s.n
    ) as place
    from staged s where s.contact_id in (
      select contact_id from staged group by contact_id having count(*) > 1)
  ) ranked where place > 1
)"""

_GRANT = "exists (select 1 from people_consent g where g.contact_id = c.id" + (
    " and g.purpose = %(purpose)s and g.act = 'granted'"
)
_TO_US = """ and g.account_id in (
  select account_id from campaigns_campaign_accounts where campaign_id = %(campaign)s)"""
_IN_FORCE = _GRANT + _TO_US + f" and {_LAST_WORD}"
_SENDABLE = _IN_FORCE + (
    f" and exists (select 1 from accounts_account a where a.id = g.account_id and {_USABLE})"
)
_PLACE = " and exists (select 1 from people_message m join people_conversation v" + (
    " on v.id = m.conversation_id where m.id = g.message_id"
)

#: Null for a person who gets it.
_REASON = f"""case {{outside}}
  when not {_GRANT}) then '{Reason.NEVER}'
  when not {_GRANT}{_TO_US}) then '{Reason.OTHER}'
  when not {_IN_FORCE}) then (
    select case e.act when 'signal' then '{Reason.LEFT}' else '{Reason.WITHDREW}' end
    from people_consent e where e.contact_id = c.id and e.act <> 'granted'
    and e.purpose in (%(purpose)s, '*') and e.account_id in (
      select account_id from campaigns_campaign_accounts where campaign_id = %(campaign)s)
    order by e.id desc limit 1)
  when not {_SENDABLE}) then '{Reason.ACCOUNT}'
  when not {_SENDABLE}{_PLACE} and v.audience <= 1)) then '{Reason.GROUP}'
  when not {_SENDABLE}{_PLACE} and v.audience <= 1 and not v.is_encrypted))
    then '{Reason.ENCRYPTED}'
  when not {_SENDABLE}{_PLACE} and v.audience <= 1 and not v.is_encrypted
    and not v.is_closed)) then '{Reason.CLOSED}'
end"""

_COUNT = """
select reason, count(*) from (
  select {reason} as reason from people_contact c
  where not exists (select 1 from staged s where s.contact_id = c.id)
) judged group by reason"""

_LIST = """
select id, name, reason from (
  select c.id, c.name, {reason} as reason from people_contact c where c.id > %(after)s
) judged where reason is not null order by id limit %(limit)s"""
