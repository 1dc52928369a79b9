"""`make bench`: every figure as a ratio to a limit measured in the same run."""

import argparse
import importlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.row import Row
from menting.server import logs

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
PARTS = ("visits", "outbox", "matrix", "qq", "mail", "xmpp", "start")
#: What a large run measures: all but the visits is of its full size already.
LARGE = {"visits": {"rows": 20_000_000}}


def main() -> None:
    """Measure the chosen parts, print the table, and keep it in docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="else all")
    parser.add_argument("--large", action="store_true", help="visits, 20 million")
    asked = parser.parse_args()
    sizes = LARGE if asked.large else {part: {} for part in asked.parts or PARTS}
    logs.configure("WARNING")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="menting-bench-") as folder:
        os.environ["MENTING_DATA"] = folder
        table = _table(list(_measure(sizes)))
    sys.stdout.write(table)
    if not asked.parts:
        _keep(table, large=asked.large, seconds=time.monotonic() - began)


def _measure(sizes: dict[str, dict[str, int]]) -> Iterator[Row]:
    for part, size in sizes.items():
        sys.stderr.write(f"measuring {part}\n")
        module = importlib.import_module(f"bench.{part}")
        yield from module.measure(**size)


def _table(rows: list[Row]) -> str:
    head = (
        "| what | figure | limit in the same run | ratio | goal |\n|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {row.what} | {row.figure:,.4g} {row.unit} | {_limit(row)} | "
        f"{'' if row.ratio is None else f'{row.ratio:.2f}'} | {row.goal} |\n"
        for row in rows
    )


def _limit(row: Row) -> str:
    return "" if row.limit is None else f"{row.limit:,.4g} {row.unit}"


def _keep(table: str, *, large: bool, seconds: float) -> None:
    command = "make bench-large" if large else "make bench"
    section = (
        f"## `{command}`\n\n{time.strftime('%Y-%m-%d')}, {_machine()}; "
        f"the whole run took {seconds / 60:.0f} minutes.\n\n{table}\n"
    )
    page = PAGE.read_text() if PAGE.exists() else "# Performance\n\n"
    marker = f"## `{command}`\n"
    before, found, rest = page.partition(marker)
    after = rest[rest.find("\n## ") + 1 :] if found and "\n## " in rest else ""
    PAGE.write_text(before + section + after)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {python}"


if __name__ == "__main__":
    main()
