"""A roster: read from a file, each bad line named with its reason, the rest stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext

from menting.accounts import (
    bell,
    bonds,
    lines,
    rejected,
    secretfiles,
    sheet,
    signin,
    vault,
    workbook,
)
from menting.accounts.lines import Line
from menting.accounts.models import Account
from menting.accounts.rejected import Rejected
from menting.accounts.sheet import RosterError
from menting.base import clock, crypto
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

#: 10,000 accounts take about 2 MB; a larger file is some other file.
MOST_BYTES = 64 * 1024 * 1024
#: Rows in one statement and in one transaction: others write in between.
CHUNK = 500


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

    def told(self) -> Stored:
        return Stored(len(self.added), len(self.changed), self.unchanged)


def read(path: Path) -> Roster:
    """Read a roster: CSV (UTF-8 or GB 18030; comma, semicolon or tab), JSON Lines or XLSX.

    A column `password_file` and its like names a file that holds the secret, beside the
    roster. Raises RosterError when the file as a whole cannot be read, and OSError.
    """
    if path.stat().st_size > MOST_BYTES:
        raise RosterError(gettext("The file is larger than 64 MB: divide it."))
    held = _sheet(path.read_bytes(), path.name)
    rows = [secretfiles.opened(row, beside=path.parent) for row in held.rows]
    return _judge(replace(held, rows=rows))


def parse(content: bytes, *, name: str) -> Roster:
    """Read a roster that was sent here: its secrets touch no disk. Raises RosterError.

    It names no files: whoever may send a roster may not read the server's disk.
    """
    held = _sheet(content, name)
    return _judge(replace(held, rows=[secretfiles.refused(row) for row in held.rows]))


def dry_run(actor: Actor, roster: Roster) -> Stored:
    """Say what `store` would do, and do nothing. Raises as `store` does."""
    guard.check(actor, "accounts.import")
    return _compare(roster.lines).told()


def store(
    actor: Actor, roster: Roster, *, progress: Callable[[int], None] | None = None
) -> Stored:
    """Store the good lines, 500 in a transaction, then the bad ones in a file of their own.

    A line that changes nothing is left: after a stop the same file goes on where it was. A
    changed secret lets an account that needs a sign-in try again. `progress` hears how many
    lines are done. Raises guard.NotAllowedError, vault.KeyMissingError and OSError.
    """
    guard.check(actor, "accounts.import")
    stored = Stored(0, 0, 0)
    for start in range(0, len(roster.lines), CHUNK):
        chunk = roster.lines[start : start + CHUNK]
        stored = _sum(stored, _store(actor, chunk))
        if progress is not None:
            progress(start + len(chunk))
    bad = rejected.write(roster.rejected) if roster.rejected else None
    return replace(stored, rejected_file=bad)


@transaction.atomic
def _store(actor: Actor, chunk: list[Line]) -> Stored:
    difference = _compare(chunk)
    _add(difference.added)
    _change(difference.changed)
    stored = difference.told()
    if stored.added or stored.changed:
        detail = {"added": stored.added, "changed": stored.changed}
        audit.record(actor, "account.import", detail=detail)
        bell.ring()
    return stored


def _sum(one: Stored, other: Stored) -> Stored:
    return Stored(
        one.added + other.added,
        one.changed + other.changed,
        one.unchanged + other.unchanged,
    )


def _sheet(content: bytes, name: str) -> sheet.Sheet:
    if content.startswith(workbook.SIGN):
        return workbook.parse(content)
    return sheet.parse(content, name=name)


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
