"""The lines of a roster in text: CSV as people's programs write it, or JSON Lines."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

DELIMITERS = (",", ";", "\t")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")


class RosterError(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; its cells by column, or why it has none."""

    number: int
    cells: dict[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All lines, and the heading's columns; in JSON Lines each line names its own."""

    columns: tuple[str, ...]
    rows: list[Row]


def parse(content: bytes, *, name: str) -> Sheet:
    """Return the lines of what a file of that name holds, blank ones left out.

    Raises RosterError.
    """
    _check(content)
    lines = _lines(_decode(content))
    if not lines:
        raise RosterError(gettext("The file is empty."))
    if name.lower().endswith(JSON_ENDINGS) or lines[0][1].lstrip().startswith("{"):
        return Sheet((), [_json_row(number, text) for number, text in lines])
    return _csv(lines)


def heading(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a heading names. Raises RosterError if one stands twice."""
    columns = tuple(cell.strip().lower() for cell in cells)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise RosterError(
            gettext("The heading names %(columns)s twice.") % {"columns": ", ".join(twice)}
        )
    return columns


def _check(content: bytes) -> None:
    if b"\x00" in content:
        raise RosterError(
            gettext("The file is no text in UTF-8 or GB 18030: save it as CSV (UTF-8).")
        )


def _decode(content: bytes) -> str:
    """Return the text; bytes that are not of its encoding become lone surrogates."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if _is_gb18030(content):
            return content.decode("gb18030")
        return content.decode("utf-8-sig", errors="surrogateescape")


def _is_gb18030(content: bytes) -> bool:
    """Say whether the file is GB 18030 rather than UTF-8 with some broken lines.

    Some Chinese words in GB 18030 happen to be good UTF-8, and most broken UTF-8 is good
    GB 18030, so the lines that are not ASCII are counted.
    """
    if not _fits(content, "gb18030"):
        return False
    lines = [line for line in content.splitlines() if not line.isascii()]
    return sum(_fits(line, "utf-8") for line in lines) * 2 < len(lines)


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _lines(text: str) -> list[tuple[int, str]]:
    # Not str.splitlines: that also breaks at U+2028 and the like, which a name may hold.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(n, line) for n, line in enumerate(lines, start=1) if line.strip(" ,;\t")]


def _json_row(number: int, text: str) -> Row:
    if not _is_whole(text):
        return Row(number, problem=_bad_encoding())
    try:
        # The standard library's own limits: RecursionError on "[[[[…".
        cells = json.loads(text)
    except (ValueError, RecursionError):
        return Row(number, problem=gettext("is not JSON"))
    if not isinstance(cells, dict):
        return Row(number, problem=gettext("is not a JSON object with one account"))
    return Row(number, {key: said for key, said in cells.items() if said not in (None, "")})


def _csv(lines: list[tuple[int, str]]) -> Sheet:
    (_, first), *rest = lines
    delimiter = max(DELIMITERS, key=first.count)
    columns = _heading(first, delimiter)
    return Sheet(columns, list(_csv_rows(rest, columns, delimiter)))


def _heading(line: str, delimiter: str) -> tuple[str, ...]:
    cells = _cells(line, delimiter)
    if cells is None or not _is_whole(line):
        raise RosterError(gettext("The first line is no heading that names the columns."))
    return heading(cells)


def _csv_rows(
    lines: list[tuple[int, str]], columns: tuple[str, ...], delimiter: str
) -> Iterator[Row]:
    for number, text in lines:
        cells = _cells(text, delimiter)
        if not _is_whole(text):
            yield Row(number, problem=_bad_encoding())
        elif cells is None:
            yield Row(number, problem=gettext("has a quotation mark out of place"))
        elif any(cells[len(columns) :]):
            yield Row(number, problem=gettext("has more columns than the heading"))
        else:
            named = zip(columns, cells, strict=False)
            yield Row(number, {name: cell.strip() for name, cell in named if cell.strip()})


def _cells(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of one line; each line alone: an open quote costs no other."""
    if line.count('"') % 2:
        # Half of a cell with a line break: read on its own, its columns would be shifted.
        return None
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def _is_whole(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _bad_encoding() -> str:
    return gettext("has bytes that are not UTF-8")
