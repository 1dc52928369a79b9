"""Who gets a campaign, and a reason for each person who does not.

All of it is SQL over the ledger's indexes: a million people are judged where they lie.
"""

# ruff: noqa: S608  # the parts are constants of this file; values are parameters

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from menting.campaigns import text
from menting.campaigns.models import Campaign
from menting.people import consent, segments
from menting.people.models import Contact
from menting.users import house


class Reason(models.TextChoices):
    """Why somebody is left out: the nearest they came to being written to."""

    OUTSIDE = "outside the segment", _("Not in the segment")
    NEVER = "never agreed", _("Never agreed")
    OTHER = "other account", _("Agreed to another account only")
    ACCOUNT = "account cannot send", _("The account cannot send")
    # The rest as people.consent.WHY_NOT says them, at planning and in the claim.
    WITHDREW = "withdrew", _("Opted out, or left")
    SUPPRESSED = "suppressed", _("The address is suppressed")
    LEFT = "left", _("The conversation is closed")
    GROUP = "not a dialogue", _("Agreed in a group only")
    ENCRYPTED = "encrypted", _("The conversation is encrypted")


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
        _list_tongues(cursor, campaign)
        cursor.execute(_MAKE_STAGED.format(numbered=_NUMBERED[connection.vendor]))
        if connection.vendor == "sqlite":
            # Overwriting ids that never left the memory costs 39 MB of it at a million.
            cursor.execute("pragma temp.secure_delete = off")
        # Before the rows: one made after them sorts in memory, 40 MB more at a million.
        cursor.execute("create index staged_contact on staged (contact_id)")
        cursor.execute(_STAGE + _segment(campaign, given), given)
        if connection.vendor == "postgresql":
            # Nobody else counts a temporary table, and a guess would join it row by row.
            cursor.execute("analyze staged")
        cursor.execute(_ONE_EACH)
        cursor.execute("select count(*) from staged")
        return int(cursor.fetchone()[0])


def unstage() -> None:
    """Forget the staged people."""
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists staged")
        cursor.execute("drop table if exists tongues")


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


def _list_tongues(cursor: CursorWrapper, campaign: Campaign) -> None:
    """Fill the temporary table `tongues`: what to write in to who speaks what."""
    ours = house.get().language
    spoken = Contact.objects.order_by().values_list("language", flat=True).distinct()
    cursor.execute(_MAKE_TONGUES.format(numbered=_NUMBERED[connection.vendor]))
    cursor.executemany(
        "insert into tongues (spoken, written) values (%s, %s)",
        [
            (tag, text.nearest(tag, campaign.content or text.FRAMES, house=ours))
            for tag in spoken
        ],
    )


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
    """Return the condition that `p` is in the segment; its values go into `given`."""
    if not segment:
        return ""
    chosen = Contact.objects.filter(segments.compile(segment)).order_by().values("pk")
    sql, values = chosen.query.sql_with_params()
    given.update({f"segment{n}": value for n, value in enumerate(values)})
    numbers = iter(range(len(values)))
    return f"p.id in ({re.sub('%s', lambda _: f'%(segment{next(numbers)})s', sql)})"


_NUMBERED = {
    "sqlite": "integer primary key",
    "postgresql": "integer generated always as identity primary key",
}

#: Integers alone: a million people take 40 MB. `n` numbers the rows as they are inserted.
_MAKE_STAGED = """
create temporary table staged (
  n {numbered}, account_id bigint, contact_id bigint, identity_id bigint,
  conversation_id bigint, consent_id bigint, tongue integer
)"""

_MAKE_TONGUES = """
create temporary table tongues (
  n {numbered}, spoken varchar(16) unique, written varchar(16))"""

#: An account that can send at all.
_USABLE = "a.removed_at is null and a.state <> 'banned'"

#: Cross joins keep SQLite to this order: account, its grants by the index `consent_for`.
_STAGE = f"""
insert into staged
  (account_id, contact_id, identity_id, conversation_id, consent_id, tongue)
select c.account_id, c.contact_id, c.identity_id, v.id, c.id, t.n
from campaigns_campaign_accounts ours
cross join accounts_account a
cross join people_consent c
cross join people_message m
cross join people_conversation v
cross join people_identity i
cross join people_contact p
cross join tongues t
where ours.campaign_id = %(campaign)s and a.id = ours.account_id and {_USABLE}
  and c.account_id = a.id and c.purpose = %(purpose)s and c.act = 'granted'
  and m.id = c.message_id and v.id = m.conversation_id
  and i.id = c.identity_id and p.id = c.contact_id and t.spoken = p.language
  and {consent.WHY_NOT} is null"""

#: In the words of the outermost loop, so that SQLite sees its order and sorts nothing.
_IN_ORDER = " order by ours.account_id, c.contact_id"

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

_GRANTS = """from people_consent c join accounts_account a on a.id = c.account_id
    where c.contact_id = p.id and c.purpose = %(purpose)s and c.act = 'granted'"""
_TO_US = """and c.account_id in (
    select account_id from campaigns_campaign_accounts where campaign_id = %(campaign)s)"""

#: Null for a person who gets it. Of several grants the one that may be used, else the last.
_REASON = f"""case {{outside}}
  when not exists (select 1 {_GRANTS}) then '{Reason.NEVER}'
  when not exists (select 1 {_GRANTS} {_TO_US})
    then '{Reason.OTHER}'
  when not exists (select 1 {_GRANTS} {_TO_US} and {_USABLE})
    then '{Reason.ACCOUNT}'
  else (
    select why from (
      select c.id, {consent.WHY_NOT} as why from people_consent c
      join accounts_account a on a.id = c.account_id
      join people_message m on m.id = c.message_id
      join people_conversation v on v.id = m.conversation_id
      join people_identity i on i.id = c.identity_id
      where c.contact_id = p.id and c.purpose = %(purpose)s and c.act = 'granted'
      {_TO_US} and {_USABLE}
    ) judged order by case when why is null then 0 else 1 end, id desc limit 1)
end"""

_COUNT = """
select reason, count(*) from (
  select {reason} as reason from people_contact p
  where p.erased_at is null
    and not exists (select 1 from staged s where s.contact_id = p.id)
) judged group by reason"""

_LIST = """
select id, name, reason from (
  select p.id, p.name, {reason} as reason from people_contact p
  where p.id > %(after)s and p.erased_at is null
) judged where reason is not null order by id limit %(limit)s"""
