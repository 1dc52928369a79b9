"""Lists of any length, a page at a time, from where the last page ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

SIZE = 50

M = TypeVar("M", bound=Model)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its rows, and the addresses of the first page and of the next."""

    items: list[T]
    newer_url: str = ""
    older_url: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """The column that orders a list, highest first, and how its values are told."""

    column: str
    read: Callable[[str], Any] = datetime.fromisoformat
    write: Callable[[Any], str] = datetime.isoformat


def page(
    request: HttpRequest, rows: QuerySet[M, M], *, by: Key | None = None, size: int = SIZE
) -> Page[M]:
    """Return the page that `?before=` asks for, highest key first, then highest id.

    Without a key the id alone orders. A cursor that cannot be read asks for the first page.
    """
    start = _start(request.GET.get("before", ""), by)
    if start is not None:
        rows = rows.filter(start)
    order = [f"-{by.column}", "-pk"] if by else ["-pk"]
    found = list(rows.order_by(*order)[: size + 1])
    older = _cursor(found[size - 1], by) if len(found) > size else ""
    return Page(
        items=found[:size],
        newer_url=with_cursor(request, "") if start is not None else "",
        older_url=with_cursor(request, older) if older else "",
    )


def with_cursor(request: HttpRequest, cursor: str) -> str:
    """Return the address of the list from another place on; empty: from the first."""
    query = request.GET.copy()
    query.pop("before", None)
    if cursor:
        query["before"] = cursor
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _start(cursor: str, by: Key | None) -> Q | None:
    told, _, pk = cursor.rpartition("_")
    try:
        return _below(by, by.read(told) if by else None, int(pk))
    except ValueError:
        return None


def _below(by: Key | None, value: object, pk: int) -> Q:
    if by is None:
        return Q(pk__lt=pk)
    # The first condition says nothing new, but lets SQLite seek in the index, not scan it.
    return Q(**{f"{by.column}__lte": value}) & (
        Q(**{f"{by.column}__lt": value}) | Q(**{by.column: value, "pk__lt": pk})
    )


def _cursor(row: Model, by: Key | None) -> str:
    return f"{by.write(getattr(row, by.column))}_{row.pk}" if by else f"_{row.pk}"
