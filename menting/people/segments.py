"""Segments: a typed tree of conditions that people meet or not, from JSON to a query.

`{"all": […]}`, `{"any": […]}`, `{"not": …}`, and leaves `{"field": F, OPERATION: value}`.
An empty object is everybody.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext

from menting.people import tidy
from menting.people.consent import IN_FORCE
from menting.people.models import Conversation, Identity
from menting.users import house

#: Deep or wide enough for people; a longer one is a mistake, and SQLite ends at 1,000.
MOST_DEPTH = 20
MOST_LEAVES = 200

_BRANCHES = ("all", "any", "not")
_EXAMPLE = '{"field": "language", "is": "en"}'


class SegmentError(Exception):
    """A segment cannot be used; the text says where and what to write instead."""


def compile(tree: object) -> Q:  # noqa: A001  # called as `segments.compile`
    """Return the condition on Contact. Raises SegmentError with place and remedy."""
    if tree == {}:
        return Q()
    return _Compiler().node(tree, "segment", depth=1)


class _Compiler:
    """One walk along a tree, counting its leaves."""

    def __init__(self) -> None:
        self._leaves = 0

    def node(self, tree: object, place: str, *, depth: int) -> Q:
        if depth > MOST_DEPTH:
            told = gettext("conditions nest at most %(most)d deep")
            raise _refusal(place, told % {"most": MOST_DEPTH})
        if not isinstance(tree, dict) or not tree:
            told = gettext("must be an object such as %(example)s")
            raise _refusal(place, told % {"example": _EXAMPLE})
        branch = [key for key in _BRANCHES if key in tree]
        if not branch:
            return self._leaf(tree, place)
        if len(tree) > 1:
            told = gettext("“%(name)s” stands alone in its object")
            raise _refusal(place, told % {"name": branch[0]})
        return self._branch(branch[0], tree[branch[0]], f"{place}.{branch[0]}", depth)

    def _branch(self, kind: str, value: object, place: str, depth: int) -> Q:
        if kind == "not":
            return ~self.node(value, place, depth=depth + 1)
        if not isinstance(value, list) or not value:
            raise _refusal(place, gettext("must be a list with at least one condition"))
        met = Q()
        for number, item in enumerate(value):
            one = self.node(item, f"{place}[{number}]", depth=depth + 1)
            met = met & one if kind == "all" else met | one
        return met

    def _leaf(self, tree: dict[str, Any], place: str) -> Q:
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            told = gettext("a segment has at most %(most)d conditions")
            raise _refusal(place, told % {"most": MOST_LEAVES})
        name = tree.get("field")
        operations = _FIELDS.get(name) if isinstance(name, str) else None
        if operations is None:
            told = gettext("must be one of %(known)s") % {"known": _listed(_FIELDS)}
            raise _refusal(f"{place}.field", told)
        given = [key for key in tree if key != "field"]
        if len(given) != 1 or given[0] not in operations:
            told = gettext("“%(name)s” takes exactly one of %(known)s")
            raise _refusal(place, told % {"name": name, "known": _listed(operations)})
        return operations[given[0]](tree[given[0]], f"{place}.{given[0]}")


def _text(value: object, place: str) -> str:
    is_text = isinstance(value, str) and value.strip() and tidy.text(value) == value
    if not isinstance(value, str) or not is_text or len(value) > 255:
        raise _refusal(place, gettext("must be a text of 1 to 255 characters"))
    return value.strip()


def _texts(value: object, place: str) -> list[str]:
    if not isinstance(value, list) or not value:
        told = gettext("must be a list such as %(example)s")
        raise _refusal(place, told % {"example": '["en", "zh-hans"]'})
    return [_text(item, f"{place}[{number}]") for number, item in enumerate(value)]


def _moment(value: object, place: str) -> datetime:
    """Return the time; a date alone, or a time without offset, is that of the house."""
    try:
        at = datetime.fromisoformat(_text(value, place))
        return (at if at.tzinfo else at.replace(tzinfo=house.zone())).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        told = gettext("must be a date such as %(example)s")
        raise _refusal(place, told % {"example": '"2026-05-31"'}) from error


def _account(value: object, place: str) -> Q:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        key: dict[str, object] = {"account": value}
    elif isinstance(value, str):
        key = {"account__handle": _text(value, place)}
    else:
        raise _refusal(place, gettext("must be an account's number or its handle"))
    spoke = Conversation.objects.filter(**key)
    return Q(pk__in=spoke.values("identity__contact"))


def _on_channel(names: list[str]) -> Q:
    return Q(pk__in=Identity.objects.filter(channel__in=names).values("contact"))


def _agreed(value: object, place: str) -> Q:
    agreed = (
        f"select c.contact_id from people_consent c where c.purpose = %s and {IN_FORCE}"  # noqa: S608  # constants alone
    )
    return Q(pk__in=RawSQL(agreed, [_text(value, place)]))  # noqa: S611  # a constant


#: By field and operation: the condition that a checked value makes.
_FIELDS: Mapping[str, Mapping[str, Callable[[object, str], Q]]] = {
    "language": {
        "is": lambda value, place: Q(language=_text(value, place)),
        "in": lambda value, place: Q(language__in=_texts(value, place)),
    },
    "channel": {
        "is": lambda value, place: _on_channel([_text(value, place)]),
        "in": lambda value, place: _on_channel(_texts(value, place)),
    },
    "account": {"is": _account},
    "consent": {"is": _agreed},
    "name": {"contains": lambda value, place: Q(name__icontains=_text(value, place))},
    "wrote": {
        "since": lambda value, place: Q(last_at__gte=_moment(value, place)),
        "before": lambda value, place: Q(last_at__lt=_moment(value, place)),
    },
}


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _refusal(place: str, why: str) -> SegmentError:
    return SegmentError(gettext("%(place)s: %(why)s") % {"place": place, "why": why})
