"""One space, or all of them together, as the pages of visits look at it."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from django.http import Http404
from django.utils.translation import gettext

from menting.base import clock
from menting.spaces.models import Space
from menting.users import house

#: The visit store keeps the sums of all spaces together under this number.
ALL = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A space by its number, and the zone its days are counted in."""

    number: int
    slug: str
    name: str
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """Return the day it is there."""
        return clock.now().astimezone(self.zone).date()


def find(slug: str) -> Place:
    """Return the space with this slug, all together for none. Raises Http404."""
    if not slug:
        return Place(ALL, "", gettext("All spaces"), house.zone())
    space = Space.objects.filter(slug=slug).first()
    if space is None:
        raise Http404(f"there is no space {slug!r}")
    return Place(space.pk, space.slug, space.name, ZoneInfo(space.time_zone))
