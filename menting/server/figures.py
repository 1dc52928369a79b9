"""What `/metrics` tells of the state and the folder, counted once for some seconds."""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from django.db.models import Count, Min, Q
from prometheus_client.core import GaugeMetricFamily

from menting.accounts.models import Account
from menting.base import clock
from menting.base.folder import Folder
from menting.campaigns.models import CampaignState, Delivery, Posting
from menting.people.models import Reply
from menting.people.sendable import Sendable, SendState
from menting.visits import read, spool

#: A million deliveries are counted in 0.1 s; nobody looks more often than this.
KEPT_SECONDS = 15.0
_SENT: Mapping[str, type[Sendable]] = {
    "delivery": Delivery,
    "posting": Posting,
    "reply": Reply,
}
#: What a paused campaign has ready waits for an operator, not for a claim.
_MAY_GO: Mapping[str, Q] = {
    "delivery": Q(campaign__state=CampaignState.RUNNING),
    "posting": Q(campaign__state=CampaignState.RUNNING),
    "reply": Q(),
}


class Figures:
    """Gauges of the whole installation, the same from whichever process tells them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._counted_at = float("-inf")
        self._known: list[GaugeMetricFamily] = []

    def count(self) -> list[GaugeMetricFamily]:
        """Return the gauges, counted anew when the last count is old."""
        now = time.monotonic()
        if now - self._counted_at >= KEPT_SECONDS:
            self._known = [_accounts(), *_outbox(clock.now()), _backlog(self._folder)]
            self._counted_at = now
        return self._known


def _accounts() -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(
        "menting_accounts", "Accounts by channel and state.", labels=["channel", "state"]
    )
    rows = Account.objects.filter(removed_at=None).order_by()
    counted = rows.values_list("channel", "state").annotate(n=Count("pk"))
    _fill(gauge, ((channel, state, n) for channel, state, n in counted))
    return gauge


def _outbox(now: datetime) -> Iterator[GaugeMetricFamily]:
    states = GaugeMetricFamily(
        "menting_outbox", "What goes out, by kind and state.", labels=["kind", "state"]
    )
    lag = GaugeMetricFamily(
        "menting_claim_lag_seconds",
        "How long the first of those that may go has waited to be claimed.",
        labels=["kind"],
    )
    for kind, model in _SENT.items():
        counted = model._default_manager.order_by().values_list("state")
        _fill(states, ((kind, state, n) for state, n in counted.annotate(n=Count("pk"))))
        ready = model._default_manager.filter(state=SendState.READY, due__lte=now)
        first = ready.filter(_MAY_GO[kind]).aggregate(first=Min("due"))["first"]
        lag.add_metric([kind], (now - first).total_seconds() if first else 0.0)
    yield states
    yield lag


def _backlog(folder: Folder) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(
        "menting_spool_backlog_bytes",
        "Visits of this folder that are kept and not yet in the store, by reader.",
        labels=["reader"],
    )
    sizes = spool.sizes(folder.spool)
    store = read.store(folder.visits)
    for consumer in ("rows", "tops"):
        uptos, _ = store.rolled(consumer)
        waiting = sum(max(0, size - uptos.get(name, 0)) for name, size in sizes.items())
        gauge.add_metric([consumer], waiting)
    return gauge


def _fill(gauge: GaugeMetricFamily, rows: Iterable[tuple[object, ...]]) -> None:
    for *labels, n in rows:
        gauge.add_metric([str(label) for label in labels], float(str(n)))
