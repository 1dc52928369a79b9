"""The frame round each page: what this operator's navigation holds."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from menting.console import needs
from menting.users import guard
from menting.users.models import Role, User


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the navigation."""

    label: str
    icon: str
    url: str
    is_current: bool
    begins_group: bool = False
    needs: int = 0


@dataclass(frozen=True, slots=True)
class Shell:
    """All that the frame shows."""

    name: str
    key: int
    role: str
    may_search: bool
    items: list[Item]
    foot: list[Item]
    tabs: list[Item]


#: page, icon, the act whose right shows it, label
_ITEMS = (
    ("home", "home", "", gettext_lazy("Home")),
    ("inbox", "inbox", "people.read", gettext_lazy("Inbox")),
    ("people", "people", "people.read", gettext_lazy("People")),
    ("campaigns", "campaign", "campaigns.read", gettext_lazy("Campaigns")),
    ("accounts", "account", "accounts.read", gettext_lazy("Accounts")),
    ("visits", "visits", "visits.read", gettext_lazy("Visits")),
    ("spaces", "space", "spaces.read", gettext_lazy("Spaces")),
)
_FOOT = (
    ("log", "log", "audit.read", gettext_lazy("Audit log")),
    ("settings", "settings", "", gettext_lazy("Settings")),
)
_ON_PHONE = ("home", "inbox", "people", "visits")


def of(request: HttpRequest) -> Shell:
    """Return the frame for a signed-in user; one who is no operator gets it empty."""
    user = request.user
    if not isinstance(user, User):
        return Shell("", 0, "", may_search=False, items=[], foot=[], tabs=[])
    actor = guard.of_user(user)
    waiting = len(needs.calls(actor))
    items = [_item(request, row, waiting) for row in _ITEMS if _allowed(actor, row[2])]
    foot = [_item(request, row, 0) for row in _FOOT if _allowed(actor, row[2])]
    by_page = {row[0]: row for row in _ITEMS if _allowed(actor, row[2])}
    tabs = [_item(request, by_page[page], waiting) for page in _ON_PHONE if page in by_page]
    return Shell(
        name=str(user),
        key=user.pk,
        role=str(Role(user.role).label),
        may_search=guard.may(actor, "people.read"),
        items=items,
        foot=foot,
        tabs=[*tabs, _more(request, tabs)],
    )


def _allowed(actor: guard.Actor, act: str) -> bool:
    return guard.may(actor, act) if act else actor.role != Role.NONE


def _item(request: HttpRequest, row: tuple[str, str, str, object], waiting: int) -> Item:
    page, icon, _, label = row
    url = reverse(f"console:{page}")
    is_home = page == "home"
    return Item(
        label=str(label),
        icon=icon,
        url=url,
        is_current=request.path == url if is_home else request.path.startswith(url),
        begins_group=page == "accounts",
        needs=waiting if is_home else 0,
    )


def _more(request: HttpRequest, tabs: list[Item]) -> Item:
    elsewhere = not any(tab.is_current for tab in tabs)
    return Item(
        label=gettext("More"),
        icon="more",
        url=reverse("console:more"),
        is_current=elsewhere,
    )
