"""The lines of a roster in a spreadsheet: the first sheet of an XLSX or ODS file."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext
from python_calamine import CalamineError, CalamineWorkbook

from menting.accounts.sheet import RosterError, Row, Sheet, heading

#: Every spreadsheet of today is a ZIP archive.
SIGN = b"PK\x03\x04"
#: Unpacked; a small archive that holds more is a bomb.
MOST_UNPACKED = 512 * 1024 * 1024
#: A spreadsheet keeps 15 digits of a number; the rest of a longer one is lost.
MOST_EXACT = 10**15


def parse(content: bytes) -> Sheet:
    """Return the lines of the first sheet, numbered as it shows. Raises RosterError."""
    _check_size(content)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        table = book.get_sheet_by_index(0)
        rows = table.to_python(skip_empty_area=False)
    except (CalamineError, IndexError, ValueError, OSError) as error:
        told = gettext("The spreadsheet cannot be read (%(why)s): save it as CSV (UTF-8).")
        raise RosterError(told % {"why": str(error)[:100]}) from error
    lines = [(n, row) for n, row in enumerate(rows, start=1) if any(map(_text, row))]
    if not lines:
        raise RosterError(gettext("The file is empty."))
    (_, names), *rest = lines
    columns = heading(_without_empty_end([_text(cell) for cell in names]))
    return Sheet(columns, [_row(number, cells, columns) for number, cells in rest])


def _check_size(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile as error:
        raise RosterError(gettext("The spreadsheet is damaged.")) from error
    if unpacked > MOST_UNPACKED:
        raise RosterError(gettext("The spreadsheet unpacks to more than 512 MB."))


def _without_empty_end(cells: list[str]) -> list[str]:
    """Return the heading alone: every row is as wide as the widest one."""
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _row(number: int, cells: Sequence[Any], columns: tuple[str, ...]) -> Row:
    if rounded := _rounded(cells, columns):
        told = gettext("%(columns)s is a number too long for a spreadsheet: make it text")
        return Row(number, problem=told % {"columns": ", ".join(rounded)})
    if any(map(_text, cells[len(columns) :])):
        return Row(number, problem=gettext("has more columns than the heading"))
    named = zip(columns, map(_text, cells), strict=False)
    return Row(number, {name: text for name, text in named if name and text})


def _rounded(cells: Iterable[Any], columns: tuple[str, ...]) -> list[str]:
    named = zip(columns, cells, strict=False)
    return [name for name, cell in named if _is_number(cell) and abs(cell) >= MOST_EXACT]


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return str(cell).strip()
