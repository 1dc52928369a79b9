"""The SQL of the outbox: one statement a step, the same for deliveries and postings.

States are written out, not given as values: SQLite uses a partial index only for a query
that says its condition in the same words.
"""

# ruff: noqa: S608  # the parts are constants of this file; values are parameters

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from menting.people import consent

_CONSENT = """
join people_consent c on c.id = d.consent_id
join people_conversation v on v.id = d.conversation_id
join people_identity i on i.id = d.identity_id"""

#: An account's next ready deliveries of a campaign, by `delivery_ready`.
PICK = f"""
select d.id, d.fence, d.account_id, v.external_id, d.text, {consent.WHY_NOT}
from campaigns_delivery d{_CONSENT}
where d.campaign_id = %s and d.account_id = %s and d.state = 'ready' and d.due <= %s
order by d.due, d.id limit %s"""

#: Accounts that have something ready in a campaign; one seek an account.
WAITING = """
select a.id from accounts_account a
where a.removed_at is null and a.id in ({accounts}) and exists (
  select 1 from campaigns_delivery d where d.campaign_id = %s and d.account_id = a.id
  and d.state = 'ready' and d.due <= %s)"""

MAKE_READY = """
update {table} set state = 'ready' where id in (
  select id from {table} where campaign_id = %s and occurrence = %s and state = 'planned'
  order by id limit %s)"""


def stored(at: datetime) -> Any:
    """Return a time as this database is given it in SQL."""
    return connection.ops.adapt_datetimefield_value(at)


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one table; each says the state, the fence and the holder it needs."""

    table: str
    claim: str
    skip: str
    dispatch: str
    give_back: str
    settle: str
    later: str
    ask_again: str
    expire_claimed: str
    expire_dispatching: str
    leased: str
    expired: str
    attempts: str
    any_unknown: str


def _steps(table: str, *, gate: str) -> Steps:
    mine = "id = %s and fence = %s and lease_by = %s"
    free = "lease_by = '', lease_until = null"
    return Steps(
        table=table,
        claim=f"update {table} set state = 'claimed', fence = fence + 1, lease_by = %s, "
        "lease_until = %s where id = %s and fence = %s and state = 'ready'",
        skip=f"update {table} set state = 'skipped', reason = %s, settled_at = %s, {free} "
        "where id = %s and fence = %s and state in ('ready', 'claimed')",
        dispatch=f"update {table} set state = 'dispatching', attempts = attempts + 1, "
        "text = %s, lease_until = %s, dispatched_at = coalesce(dispatched_at, %s) "
        f"where {mine} and state = 'claimed' and {gate}",
        give_back=f"update {table} set state = 'ready', {free} "
        f"where {mine} and state = 'claimed'",
        settle=f"update {table} set state = %s, reason = %s, provider_id = %s, "
        f"settled_at = %s, {free} where {mine} and state = 'dispatching'",
        later=f"update {table} set state = 'ready', reason = %s, due = %s, {free} "
        f"where {mine} and state = 'dispatching'",
        ask_again=f"update {table} set state = 'dispatching', fence = fence + 1, "
        "lease_by = %s, lease_until = %s, attempts = attempts + 1 "
        "where id = %s and fence = %s and state = 'unknown'",
        expire_claimed=f"update {table} set state = 'ready', {free} "
        "where {expired} and state = 'claimed'",
        expire_dispatching=f"update {table} set state = 'unknown', reason = %s, "
        f"settled_at = %s, {free} where {{expired}} and state = 'dispatching'",
        leased=f"select distinct lease_by from {table} "
        "where state in ('claimed', 'dispatching')",
        expired=f"select 1 from {table} where {{expired}} "
        "and state in ('claimed', 'dispatching') limit 1",
        attempts=f"select attempts from {table} where id = %s",
        any_unknown=f"select 1 from {table} "
        "where state = 'unknown' and dispatched_at > %s limit 1",
    )


_RUNS = """exists (
  select 1 from campaigns_campaign k where k.id = campaign_id and k.state = 'running')"""

#: A pause, a withdrawal or a block that came after the claim is still in time here.
_STILL_AGREED = """not exists (
  select 1 from people_consent c join people_consent later
    on later.contact_id = c.contact_id and later.account_id = c.account_id
    and later.id > c.id and later.purpose in (c.purpose, '*')
  where c.id = consent_id)"""

OF: Mapping[str, Steps] = {
    "delivery": _steps("campaigns_delivery", gate=f"{_RUNS} and {_STILL_AGREED}"),
    "posting": _steps("campaigns_posting", gate=_RUNS),
}
