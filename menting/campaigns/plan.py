"""A plan: one Delivery a person with the consent it rests on, inserted in account order.

Account order is a contract: the claim reads an account's rows together, and is 4 x as fast
when they lie together. Nothing of a plan counts before its last transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext

from menting.accounts.models import Account
from menting.base import clock
from menting.campaigns import audience, revision, statements, text
from menting.campaigns.errors import StateError, SupersededError
from menting.campaigns.models import Campaign, CampaignState, Delivery, Posting
from menting.users import audit, guard, house
from menting.users.guard import Actor

#: Rows an insert: the write lock is held 0.1 s, under load 0.5 s; others' writes go on.
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan holds: recipients, posts, and how many are left out by reason."""

    planned: int
    postings: int
    left_out: dict[str, int]


def plan(actor: Actor, campaign_id: int) -> Planned:
    """Freeze who gets the campaign, in place of an earlier plan that was not started.

    Raises StateError once it has started, SupersededError when another planning began.
    Not one transaction: a million rows would hold up every other write for 20 s.
    """
    guard.check(actor, "campaigns.plan")
    campaign = _begin(campaign_id)
    try:
        audience.stage(campaign)
        with _rare_checkpoints():
            _clear(campaign)
            _insert(campaign)
        return _finish(actor, campaign, audience.count_left_out(campaign))
    except IntegrityError as error:
        raise SupersededError(
            gettext("Somebody was erased while the campaign was planned: plan it again.")
        ) from error
    finally:
        audience.unstage()


def dry_run(campaign_id: int) -> Planned:
    """Return what a plan would hold now, storing nothing."""
    campaign = Campaign.objects.get(pk=campaign_id)
    try:
        return Planned(
            planned=audience.stage(campaign),
            postings=len(_postings(campaign, clock.now())),
            left_out=audience.count_left_out(campaign),
        )
    finally:
        audience.unstage()


@transaction.atomic
def _begin(campaign_id: int) -> Campaign:
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if campaign.state not in (CampaignState.DRAFT, CampaignState.PLANNED):
        raise StateError(
            gettext("Campaign %(id)d has started: it stays as it was planned.")
            % {"id": campaign_id}
        )
    campaign.state = CampaignState.DRAFT
    campaign.planned_at = clock.now()  # names this plan: a newer one stops it
    campaign.save(update_fields=["state", "planned_at"])
    return campaign


@contextmanager
def _rare_checkpoints() -> Iterator[None]:
    """Write pages of SQLite's log back after 128 MB, not 4: most change in each insert."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("pragma wal_autocheckpoint = 32000")
        try:
            yield
        finally:
            cursor.execute("pragma wal_autocheckpoint = 1000")


def _clear(campaign: Campaign) -> None:
    """Remove the rows of an earlier plan, or of one that was killed midway."""
    removed = CHUNK
    while removed == CHUNK:
        with transaction.atomic(), connection.cursor() as cursor:
            _lock(campaign)
            cursor.execute(_CLEAR, (campaign.pk, campaign.occurrence, CHUNK))
            removed = cursor.rowcount


def _insert(campaign: Campaign) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(n), 0) from staged")
        last = int(cursor.fetchone()[0])
        for start in range(0, last, CHUNK):
            with transaction.atomic():
                _lock(campaign)
                cursor.execute(INSERT, insert_values(campaign, start, CHUNK))


def insert_values(campaign: Campaign, start: int, rows: int) -> tuple[Any, ...]:
    """Return what `INSERT` is given to insert `rows` staged people from `start` on."""
    due = statements.stored(clock.now())
    return (campaign.pk, campaign.occurrence, due, start, start + rows)


@transaction.atomic
def _finish(actor: Actor, campaign: Campaign, left_out: dict[str, int]) -> Planned:
    _lock(campaign)
    occurrence = {"campaign": campaign, "occurrence": campaign.occurrence}
    Posting.objects.filter(**occurrence).delete()
    postings = Posting.objects.bulk_create(_postings(campaign, clock.now()))
    planned = Delivery.objects.filter(**occurrence).count()
    campaign.state, campaign.left_out = CampaignState.PLANNED, left_out
    campaign.revision = revision.of(campaign)
    campaign.save(update_fields=["state", "left_out", "revision"])
    audit.record(
        actor,
        "campaign.plan",
        target=f"campaign:{campaign.pk}",
        detail={"planned": planned, "left_out": sum(left_out.values())},
    )
    return Planned(planned=planned, postings=len(postings), left_out=left_out)


def _postings(campaign: Campaign, due: datetime) -> list[Posting]:
    if not campaign.post:
        return []
    language = text.nearest("", campaign.post, house=house.get().language)
    shared = {
        "campaign": campaign,
        "occurrence": campaign.occurrence,
        "text": campaign.post[language]["text"],
        "due": due,
    }
    walls = [Posting(account=wall, **shared) for wall in campaign.walls.order_by("pk")]
    return walls + [
        Posting(account=writer, invitation=invitation, **shared)
        for invitation in campaign.invitations.order_by("pk")
        for writer in _writers(campaign)
    ]


def _writers(campaign: Campaign) -> list[Account]:
    """Return the account that signs guestbooks: the first of the campaign's, if any."""
    for among in (campaign.accounts, campaign.walls):
        if first := among.filter(removed_at=None).order_by("pk").first():
            return [first]
    return []


def _lock(campaign: Campaign) -> None:
    """Hold the campaign's row; raise SupersededError when a newer plan has begun."""
    mine = Campaign.objects.select_for_update().filter(
        pk=campaign.pk, state=CampaignState.DRAFT, planned_at=campaign.planned_at
    )
    if not mine.exists():
        raise SupersededError(
            gettext("Another planning of campaign %(id)d began while this one ran.")
            % {"id": campaign.pk}
        )


_CLEAR = """
delete from campaigns_delivery where id in (
  select id from campaigns_delivery where campaign_id = %s and occurrence = %s limit %s)"""

#: `staged` numbers people in account order, so ids of deliveries follow accounts.
INSERT = """
insert into campaigns_delivery
  (campaign_id, occurrence, due, account_id, contact_id, identity_id, conversation_id,
   consent_id, language, state, reason, attempts, fence, lease_by, text, text_hash,
   provider_id)
select %s, %s, %s, s.account_id, s.contact_id, s.identity_id, s.conversation_id,
  s.consent_id, t.written, 'planned', '', 0, 0, '', '', '', ''
from staged s join tongues t on t.n = s.tongue
where s.n > %s and s.n <= %s order by s.n"""
