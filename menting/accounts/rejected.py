"""The lines of a roster that were not taken, and the file in which they lie."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from menting.base import clock, config, ids
from menting.base.folder import Folder


@dataclass(frozen=True, slots=True)
class Rejected:
    """One bad line and what is wrong with it; never its secret."""

    number: int
    reason: str
    handle: str = ""


def write(rejected: Iterable[Rejected]) -> Path:
    """Write number, reason and handle as CSV that spreadsheets open. Raises OSError."""
    folder = Folder(config.current().data).rejected
    path = folder / f"accounts-{clock.now():%Y%m%dT%H%M%S}-{ids.code(4)}.csv"
    with path.open("x", encoding="utf-8-sig", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("line", "reason", "handle"))
        rows.writerows((one.number, one.reason, _inert(one.handle)) for one in rejected)
    return path


def _inert(cell: str) -> str:
    """Keep a spreadsheet from running a cell of a hostile file as a formula."""
    is_formula = cell[:1] in ("=", "+", "-") or (cell[:1] == "@" and "(" in cell)
    return f"'{cell}" if is_formula else cell
