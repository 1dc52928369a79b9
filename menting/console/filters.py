"""The filters of a list: what was asked, and how to ask without one of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in force, in words, and the address without it."""

    label: str
    without: str


@dataclass(frozen=True, slots=True)
class Filters:
    """The values asked for by name, empty where none is; the chips of those in force."""

    asked: dict[str, str]
    chips: list[Chip]

    def __getitem__(self, name: str) -> str:
        return self.asked[name]

    def __bool__(self) -> bool:
        return bool(self.chips)


def of(request: HttpRequest, allowed: Mapping[str, Mapping[str, str] | None]) -> Filters:
    """Read the filters of a request.

    `allowed` gives each filter its choices with their words, or None for free text; a
    choice that does not exist is passed over.
    """
    asked, chips = {}, []
    for name, choices in allowed.items():
        value = request.GET.get(name, "").strip()
        if choices is not None and value not in choices:
            value = ""
        asked[name] = value
        if value:
            label = choices[value] if choices is not None else value
            chips.append(Chip(label=str(label), without=_without(request, name)))
    return Filters(asked=asked, chips=chips)


def _without(request: HttpRequest, name: str) -> str:
    query = request.GET.copy()
    query.pop(name, None)
    query.pop("before", None)
    return f"{request.path}?{query.urlencode()}" if query else request.path
