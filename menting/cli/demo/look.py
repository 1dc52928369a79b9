"""What the product itself says of people and visits, while the demo's program runs."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count

from menting.accounts.models import Account, AccountState
from menting.base.folder import Folder
from menting.campaigns.models import Delivery
from menting.people.models import Consent, Contact
from menting.people.sendable import SendState
from menting.spaces.models import Space
from menting.visits import read
from menting.visits.grain import Grain

WAIT_SECONDS = 240
EVERY_SECONDS = 0.5
#: The month that the demo opens: as far back as its history goes.
OLD_MONTH = (datetime(2011, 3, 1, tzinfo=UTC), datetime(2011, 4, 1, tzinfo=UTC))
TIMES = 21


def people() -> dict[str, int]:
    """Return contacts, and how many of them ever agreed and then opted out."""
    granted = Consent.objects.filter(act=Consent.Act.GRANTED).values("contact").distinct()
    ended = Consent.objects.filter(act=Consent.Act.WITHDRAWN, contact__in=granted)
    return {
        "contacts": Contact.objects.count(),
        "consented": granted.count(),
        "withdrew": ended.values("contact").distinct().count(),
    }


def live() -> dict[str, int]:
    """Return how many accounts of each channel are live."""
    online = Account.objects.filter(state=AccountState.ONLINE)
    return dict(online.values_list("channel").annotate(Count("pk")).order_by())


def accepted(campaign: int) -> dict[str, int]:
    """Return how many of a campaign's messages each channel's servers took."""
    taken = Delivery.objects.filter(campaign=campaign, state=SendState.ACCEPTED)
    return dict(taken.values_list("account__channel").annotate(Count("pk")).order_by())


def visits(folder: Folder, slug: str) -> dict[str, Any]:
    """Return the visits of a space in all and by month, and how quickly 2011 opens."""
    space = Space.objects.get(slug=slug)
    zone = ZoneInfo(space.time_zone)
    reader = read.store(folder.visits)
    months = read.series(reader, space=space.pk, zone=zone, grain=Grain.MONTH)
    totals = read.totals(reader, space=space.pk)
    oldest = totals.first.astimezone(zone).date() if totals.first else date.max
    return {
        "all": totals.n,
        "by_month": {f"{point.start:%Y-%m}": point.n for point in months},
        "oldest": oldest.isoformat(),
        "month_ms": _median_ms(
            lambda: read.log(
                reader, space=space.pk, since=OLD_MONTH[0], until=OLD_MONTH[1], limit=50
            )
        ),
    }


async def until(
    ask: Callable[[], dict[str, Any]], is_enough: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Ask until it is enough, or some minutes have passed; return the last answer."""
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        now = await asyncio.to_thread(ask)
        if is_enough(now) or time.monotonic() > give_up:
            return now
        await asyncio.sleep(EVERY_SECONDS)


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return round(sorted(times)[TIMES // 2] * 1000, 2)
