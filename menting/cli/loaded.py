"""What comes of importing an old history: what was kept, and the lines that were not."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from menting.cli import out
from menting.visits.imports.record import Rejected


def show(document: dict[str, Any]) -> None:
    """Print for a person what came of an import."""
    if document["repeated"]:
        out.console.print(f"This file is import {document['id']} already; nothing changed.")
        return
    out.console.print(
        f"Import {document['id']}: {document['rows']:,} visits kept; of the other lines "
        f"{document['passed']:,} are no page view of a person, and "
        f"{document['rejected']:,} cannot be read."
    )
    if document["rejected_file"]:
        out.console.print(f"Those that cannot be read: {document['rejected_file']}")


class RejectedRows:
    """The file of lines that cannot be read, made at the first of them."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self._file: Any = None

    def add(self, line: Rejected) -> None:
        """Write one line's number and why it cannot be read."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(("line", "reason"))
        csv.writer(self._file).writerow((line.line, line.reason))
        self.count += 1

    def close(self) -> None:
        """End the file, if there is one."""
        if self._file is not None:
            self._file.close()


@contextmanager
def rejected_rows(path: Path) -> Iterator[RejectedRows]:
    """Give the file within the block, and close it."""
    rows = RejectedRows(path)
    try:
        yield rows
    finally:
        rows.close()
