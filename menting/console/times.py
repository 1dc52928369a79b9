"""How a time is said on a page: by day while it is near, by date when it is far."""

from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy

from menting.base import clock

_WEEKDAYS = (
    pgettext_lazy("weekday", "Mon"),
    pgettext_lazy("weekday", "Tue"),
    pgettext_lazy("weekday", "Wed"),
    pgettext_lazy("weekday", "Thu"),
    pgettext_lazy("weekday", "Fri"),
    pgettext_lazy("weekday", "Sat"),
    pgettext_lazy("weekday", "Sun"),
)
_MONTHS = (
    pgettext_lazy("month", "Jan"),
    pgettext_lazy("month", "Feb"),
    pgettext_lazy("month", "Mar"),
    pgettext_lazy("month", "Apr"),
    pgettext_lazy("month", "May"),
    pgettext_lazy("month", "Jun"),
    pgettext_lazy("month", "Jul"),
    pgettext_lazy("month", "Aug"),
    pgettext_lazy("month", "Sep"),
    pgettext_lazy("month", "Oct"),
    pgettext_lazy("month", "Nov"),
    pgettext_lazy("month", "Dec"),
)


def today() -> date:
    """Return the day it is where the reader is."""
    return timezone.localtime(clock.now()).date()


def month_name(month: int) -> str:
    """Return the short name of a month, 1 to 12."""
    return str(_MONTHS[month - 1])


def weekday_name(day: date) -> str:
    """Return the short name of a weekday."""
    return str(_WEEKDAYS[day.weekday()])


def short_day(day: date) -> str:
    """Say a day: today, yesterday, a weekday within the week, a date, or the ISO date."""
    ago = (today() - day).days
    if ago == 0:
        return gettext("today")
    if ago == 1:
        return gettext("yesterday")
    if 1 < ago < 7:
        return weekday_name(day)
    if day.year == today().year:
        return _month_and_day(day)
    return day.isoformat()


def long_day(day: date) -> str:
    """Say a day in full, as the head of a list: "today, Tue 24 Nov"."""
    told = gettext("%(weekday)s %(date)s") % {
        "date": _month_and_day(day) if day.year == today().year else day.isoformat(),
        "weekday": weekday_name(day),
    }
    if (today() - day).days not in (0, 1):
        return told
    return gettext("%(day)s, %(date)s") % {"day": short_day(day), "date": told}


def short(at: datetime) -> str:
    """Say a time: with its hour today and yesterday, else the day alone."""
    local = timezone.localtime(at)
    day = short_day(local.date())
    if (today() - local.date()).days not in (0, 1):
        return day
    return gettext("%(day)s %(time)s") % {"day": day, "time": f"{local:%H:%M}"}


def exact(at: datetime) -> str:
    """Say a time to the minute, in the reader's zone."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def length(span: timedelta) -> str:
    """Say how long something lasts in its largest whole unit, from minutes on."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return gettext("under 1 minute")
    if minutes < 60:
        return _counted(ngettext("%(n)d minute", "%(n)d minutes", minutes), minutes)
    hours = minutes // 60
    if hours < 24:
        return _counted(ngettext("%(n)d hour", "%(n)d hours", hours), hours)
    days = hours // 24
    return _counted(ngettext("%(n)d day", "%(n)d days", days), days)


def _counted(words: str, n: int) -> str:
    return words % {"n": n}


def _month_and_day(day: date) -> str:
    return pgettext("date", "%(day)d %(month)s") % {
        "day": day.day,
        "month": month_name(day.month),
    }
