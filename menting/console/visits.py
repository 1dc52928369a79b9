"""Visits: the log, its sums, and the calendar of all years."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext

from menting.base import clock
from menting.console import keyset, places, times, visitbook, visitlog, visitsums
from menting.console.page import OperatorRequest, show, shown
from menting.console.places import Place
from menting.spaces import visitors
from menting.spaces.models import Space


@shown("visits.read")
def visits(request: OperatorRequest) -> HttpResponse:
    """Show a space's log, sums, tops and calendar; the log from a date backwards too."""
    place = places.find(request.GET.get("space", ""))
    days = visitbook.days(place.number)
    context = {
        "place": place,
        "spaces": Space.objects.order_by("pk"),
        "heading": _heading(days),
        "stats": visitsums.stats(place, days),
        "tops": visitsums.tops(place, year=(_day(request) or place.today).year),
        "faces": visitsums.faces(place),
        "calendar": visitsums.calendar(place, days, whole="whole" in request.GET),
        "months": visitsums.months(place, days),
        "ever": bool(days),
        **_log(request, place, days),
    }
    return show(request, "visits.html", context)


@shown("visits.read")
def visitor(request: OperatorRequest, who: int) -> HttpResponse:
    """Show one named visitor's visits, all years, the latest first."""
    name = visitors.names([who]).get(who)
    if not name:
        raise Http404(f"no visitor {who} is named")
    place = places.find(request.GET.get("space", ""))
    page = visitbook.life(place.number, who, before=request.GET.get("before", ""))
    context = {
        "name": name,
        "key": who % 6,
        "place": place,
        "days": visitlog.by_day(page.items, place, {}),
        "older": keyset.with_cursor(request, page.older) if page.older else "",
    }
    return show(request, "visitor.html", context)


def _log(request: OperatorRequest, place: Place, days: visitsums.Days) -> dict[str, Any]:
    day = _day(request)
    started = clock.micros(clock.now())
    page = visitbook.latest(
        place.number,
        before=request.GET.get("before", ""),
        until=_end(day, place) if day else None,
    )
    took = clock.micros(clock.now()) - started
    return {
        "log": visitlog.by_day(page.items, place, days),
        "shown_count": len(page.items),
        "took_ms": f"{took / 1000:.1f}",
        "older": keyset.with_cursor(request, page.older) if page.older else "",
        "latest": keyset.with_cursor(request, "") if "before" in request.GET else "",
        "day": day,
    }


def _day(request: OperatorRequest) -> date | None:
    try:
        return date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None


def _end(day: date, place: Place) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=place.zone)


def _heading(days: visitsums.Days) -> str:
    if not days:
        return gettext("No visit yet.")
    return gettext("The first visit was on %(first)s, the latest %(last)s.") % {
        "first": min(days).isoformat(),
        "last": times.short_day(max(days)),
    }
