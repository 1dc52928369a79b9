"""Take in what came by webhook: each event once, however often the platform tells it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from menting.accounts.models import Account
from menting.base import clock
from menting.channels.base import Event
from menting.people import inbox, ledger, tidy
from menting.people.models import HookEvent

#: Platforms repeat a webhook for a day at most (Telegram); signed times are refused sooner.
KEPT = timedelta(days=7)


@transaction.atomic
def receive(told: Mapping[int, Sequence[Event]]) -> int:
    """Store the events of each account (by id) in one transaction; return how many are new.

    The platform may be answered only after this returns.
    """
    ledger.hold()
    return sum(_receive(account_id, told[account_id]) for account_id in sorted(told))


def forget(*, before: datetime) -> int:
    """Forget the ids of events that no platform tells again; return how many."""
    gone, _ = HookEvent.objects.filter(at__lt=before).delete()
    return gone


def _receive(account_id: int, events: Sequence[Event]) -> int:
    # One webhook of an account at a time: the second of two racing ones sees the first.
    Account.objects.select_for_update(no_key=True).only("pk").get(pk=account_id)
    by_id = {tidy.identifier(event.id): event for event in events}
    rows = HookEvent.objects.filter(account=account_id, event_id__in=by_id)
    for known in rows.values_list("event_id", flat=True):
        del by_id[known]
    now = clock.now()
    HookEvent.objects.bulk_create(
        HookEvent(account_id=account_id, event_id=event_id, at=now) for event_id in by_id
    )
    inbox.receive(account_id=account_id, events=by_id.values())
    return len(by_id)
