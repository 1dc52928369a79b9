"""The accounts as a roster again, without their secrets."""

import csv
import io
import json
from collections.abc import Iterator

from django.db import transaction

from menting.accounts.models import Account
from menting.users import audit, guard
from menting.users.guard import Actor

COMMON = ("channel", "handle", "name")


@transaction.atomic
def text(actor: Actor, *, as_json: bool = False, channel: str = "") -> str:
    """Return a roster in CSV or JSON Lines that brings the same accounts again.

    Each secret is left out; a line without its secret is refused by an import, so nothing
    is lost by a slip. Raises guard.NotAllowedError.
    """
    guard.check(actor, "accounts.export")
    rows = list(_rows(channel))
    audit.record(actor, "account.export", detail={"accounts": len(rows)})
    return _json_lines(rows) if as_json else _csv(rows)


def _rows(channel: str) -> Iterator[dict[str, object]]:
    there = Account.objects.filter(removed_at=None).order_by("channel", "pk")
    if channel:
        there = there.filter(channel=channel)
    for row in there.defer("sealed", "resume").iterator():
        told = {"channel": row.channel, "handle": row.handle, "name": row.name}
        yield {**told, **row.options}


def _json_lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(rows: list[dict[str, object]]) -> str:
    options = sorted({name for row in rows for name in row} - set(COMMON))
    written = io.StringIO()
    out = csv.DictWriter(written, (*COMMON, *options), restval="", lineterminator="\n")
    out.writeheader()
    out.writerows({name: _cell(said) for name, said in row.items()} for row in rows)
    return written.getvalue()


def _cell(said: object) -> object:
    """Return a value as the import reads it again."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, list | dict):
        return json.dumps(said, ensure_ascii=False)
    return said
