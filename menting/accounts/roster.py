"""A roster: read from a file, each bad line named with its reason, the rest stored."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext

from menting.accounts import bell, bonds, lines, sheet, signin, vault
from menting.accounts.lines import Line
from menting.accounts.models import Account
from menting.accounts.sheet import RosterError
from menting.base import clock, config, crypto, ids
from menting.base.folder import Folder
from menting.channels import registry
from menting.users import audit, guard
from menting.users.guard import Actor

#: What callers import from here; `read` raises RosterError.
__all__ = [
    "Line",
    "Rejected",
    "Roster",
    "RosterError",
    "Stored",
    "dry_run",
    "read",
    "store",
]

#: Rows in one statement.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Rejected:
    """One bad line and what is wrong with it; never its secret."""

    number: int
    reason: str
    handle: str = ""


@dataclass(frozen=True, slots=True)
class Roster:
    """What a file holds."""

    lines: list[Line]
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class Stored:
    """How many accounts a roster added, changed and left, and where its bad lines lie."""

    added: int
    changed: int
    unchanged: int
    rejected_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    added: list[Line]
    changed: list[tuple[Account, Line]]
    unchanged: int

    def told(self, rejected_file: Path | None = None) -> Stored:
        return Stored(len(self.added), len(self.changed), self.unchanged, rejected_file)


def read(path: Path) -> Roster:
    """Read a roster: CSV (UTF-8 or GB 18030; comma, semicolon or tab) or JSON Lines.

    Raises RosterError when the file as a whole cannot be read, and OSError.
    """
    return _judge(sheet.read(path))


def parse(content: bytes, *, name: str) -> Roster:
    """Read a roster that was sent here: its secrets touch no disk. Raises RosterError."""
    return _judge(sheet.parse(content, name=name))


def dry_run(actor: Actor, roster: Roster) -> Stored:
    """Say what `store` would do, and do nothing. Raises as `store` does."""
    guard.check(actor, "accounts.import")
    return _compare(roster.lines).told()


def store(actor: Actor, roster: Roster) -> Stored:
    """Store the good lines in one transaction, then the bad ones in a file of their own.

    A line that changes nothing is left; a changed secret lets an account that needs a
    sign-in try again. Raises guard.NotAllowedError, vault.KeyMissingError and OSError.
    """
    guard.check(actor, "accounts.import")
    with transaction.atomic():
        difference = _compare(roster.lines)
        _add(difference.added)
        _change(difference.changed)
        detail = {"added": len(difference.added), "changed": len(difference.changed)}
        audit.record(actor, "account.import", detail=detail)
        bell.ring()
    return difference.told(_write_rejected(roster.rejected) if roster.rejected else None)


def _judge(held: sheet.Sheet) -> Roster:
    if held.columns:
        lines.check_heading(held.columns)
    roster = Roster([], [])
    seen: dict[tuple[str, str], int] = {}
    for row in held.rows:
        try:
            line = lines.of(row)
            _check_once(line, seen)
        except lines.BadLineError as error:
            roster.rejected.append(Rejected(row.number, str(error), _handle(row.cells)))
        else:
            roster.lines.append(line)
    return roster


def _check_once(line: Line, seen: dict[tuple[str, str], int]) -> None:
    first = seen.setdefault((line.channel, line.handle), line.number)
    if first != line.number:
        raise lines.BadLineError(
            gettext("is the same account as line %(line)s") % {"line": first}
        )


def _handle(cells: Mapping[str, Any]) -> str:
    handle = cells.get("handle", "")
    is_plain = isinstance(handle, str) and handle.isprintable()
    return handle[: lines.MOST_HANDLE] if is_plain else ""


def _compare(wanted: list[Line]) -> _Difference:
    difference = _Difference([], [], 0)
    unchanged = 0
    for line, account in _beside(wanted):
        if account is None:
            difference.added.append(line)
        elif _differs(account, line):
            difference.changed.append((account, line))
        else:
            unchanged += 1
    return _Difference(difference.added, difference.changed, unchanged)


def _beside(wanted: list[Line]) -> Iterator[tuple[Line, Account | None]]:
    """Yield each line with the account it names, also a removed one."""
    for channel, group in groupby(sorted(wanted, key=_by_channel), key=_by_channel):
        while chunk := list(islice(group, CHUNK)):
            handles = [line.handle for line in chunk]
            rows = Account.objects.filter(channel=channel, handle__in=handles)
            there = {row.handle: row for row in rows}
            for line in chunk:
                yield line, there.get(line.handle)


def _by_channel(line: Line) -> str:
    return line.channel


def _differs(account: Account, line: Line) -> bool:
    if account.removed_at or (line.name and line.name != account.name):
        return True
    return dict(line.options) != account.options or _has_new_secret(account, line)


def _has_new_secret(account: Account, line: Line) -> bool:
    try:
        return vault.opened(account)["given"] != dict(line.secret)
    except crypto.CannotOpenError:
        return True  # sealed with a lost key: the roster brings the secret back


def _add(added: list[Line]) -> None:
    """Insert first, then seal: a secret is bound to the id that the row got."""
    for start in range(0, len(added), CHUNK):
        chunk = added[start:][:CHUNK]
        rows = Account.objects.bulk_create(bonds.bound([_new(line) for line in chunk]))
        _seal(zip(rows, chunk, strict=True))


def _new(line: Line) -> Account:
    rate = registry.get(line.channel).rate
    return Account(
        channel=line.channel,
        handle=line.handle,
        name=line.name,
        options=dict(line.options),
        since=clock.now(),
        interval=rate.interval,
        burst=rate.burst,
    )


def _change(changed: list[tuple[Account, Line]]) -> None:
    for start in range(0, len(changed), CHUNK):
        chunk = changed[start:][:CHUNK]
        renewed = [pair for pair in chunk if _is_resealed(*pair)]
        for account, line in chunk:
            account.name = line.name or account.name
            account.options = dict(line.options)
            account.removed_at = None
        rows = bonds.bound([account for account, _ in chunk])
        Account.objects.bulk_update(rows, ["name", "options", "removed_at", "host", "bond"])
        _seal(renewed)
        signin.retry_now(Account.objects.filter(pk__in=[row.pk for row, _ in renewed]))


def _is_resealed(account: Account, line: Line) -> bool:
    return account.removed_at is not None or _has_new_secret(account, line)


def _seal(pairs: Iterable[tuple[Account, Line]]) -> None:
    """Write the sealed secrets; Django's CASE over 500 rows takes several times as long."""
    table = connection.ops.quote_name(Account._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET sealed = %s WHERE id = %s",  # noqa: S608  # a constant name
            [(_sealed(account, line), account.pk) for account, line in pairs],
        )


def _sealed(account: Account, line: Line) -> bytes:
    """Seal what is given now; of what the platform handed out, all that is not given anew.

    So a new password keeps the device, by which a platform knows the retry of a message.
    """
    try:
        kept = vault.opened(account)["kept"] if account.sealed else {}
    except crypto.CannotOpenError:
        kept = {}
    kept = {name: said for name, said in kept.items() if name not in line.secret}
    return vault.seal(account, line.secret, kept=kept)


def _write_rejected(rejected: Iterable[Rejected]) -> Path:
    """Write number, reason and handle as CSV that spreadsheets open."""
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
