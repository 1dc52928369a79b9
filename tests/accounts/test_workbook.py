"""Rosters as spreadsheets, written by a library that shares nothing with our reader."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from menting.accounts import roster
from tests.fakes import sdk

WRITE = """
import json, sys
from openpyxl import Workbook
book = Workbook()
sheet = book.active
for row in json.loads(sys.argv[2]):
    sheet.append(row)
book.create_sheet("notes").append(["not", "a", "roster"])
book.save(sys.argv[1])
"""
HEADING: list[object] = ["channel", "handle", "name", "homeserver", "password", "wall"]


@pytest.fixture(scope="module")
def openpyxl() -> Path:
    return sdk.python("openpyxl==3.1.5")


def _read(openpyxl: Path, folder: Path, rows: list[list[object]]) -> roster.Roster:
    path = folder / "roster.xlsx"
    sdk.run(openpyxl, WRITE, str(path), json.dumps(rows))
    return roster.read(path)


def test_the_first_sheet_is_read_as_a_roster(openpyxl: Path, tmp_path: Path) -> None:
    good = ["matrix", "@a:x", "淮夏书店", "http://x", 123456, None]
    held = _read(openpyxl, tmp_path, [HEADING, good, [None] * 6, [*good[:1], "@b:x"]])
    [line] = held.lines
    assert (line.number, line.name, line.secret) == (2, "淮夏书店", {"password": "123456"})
    assert [one.number for one in held.rejected] == [4]


def test_a_number_that_lost_its_digits_is_named(openpyxl: Path, tmp_path: Path) -> None:
    long = ["matrix", "@a:x", "", "http://x", 12345678901234567890, ""]
    held = _read(openpyxl, tmp_path, [HEADING, long])
    assert "password is a number too long" in held.rejected[0].reason


def test_cells_beyond_the_heading_are_named(openpyxl: Path, tmp_path: Path) -> None:
    held = _read(openpyxl, tmp_path, [HEADING, ["matrix", "@a:x", "", "", "", "", "x"]])
    assert held.rejected[0].reason == "has more columns than the heading"


def test_an_empty_sheet_is_one_clear_error(openpyxl: Path, tmp_path: Path) -> None:
    with pytest.raises(roster.RosterError, match="empty"):
        _read(openpyxl, tmp_path, [])


def _zip(**parts: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", _zip(a=b"no spreadsheet")])
def test_a_file_that_is_no_spreadsheet_is_one_clear_error(content: bytes) -> None:
    with pytest.raises(roster.RosterError, match="spreadsheet"):
        roster.parse(content, name="roster.xlsx")


def test_an_archive_that_unpacks_to_a_giant_is_not_unpacked() -> None:
    bomb = _zip(a=bytes(513 * 1024 * 1024))
    assert len(bomb) < 1024 * 1024
    with pytest.raises(roster.RosterError, match="512 MB"):
        roster.parse(bomb, name="roster.xlsx")
