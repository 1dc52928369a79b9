"""Visits as `menting visit log` prints them for a person."""

from typing import Any

from menting.cli import out


def show(lines: list[dict[str, Any]], *, following: str | None) -> None:
    """Print the log's lines for a person."""
    out.table(
        ("at", "space", "path", "visitor", "from", "country", "browser"),
        [
            (
                f"{item['at']:%Y-%m-%d %H:%M:%S}",
                item["space"],
                item["path"],
                item["visitor"]["name"] if item["visitor"] else item["anonymous_id"],
                item["referrer"],
                item["country"],
                item["browser"],
            )
            for item in lines
        ],
    )
    if following:
        out.notes.print(f"More with --cursor {following}")
