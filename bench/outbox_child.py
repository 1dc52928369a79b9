"""What `bench.outbox` lets processes of its own do; the figures are what they yield."""

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction

from bench.outbox_fill import ACCOUNTS, fill
from bench.row import Row
from menting.base import clock, config
from menting.base.folder import Folder
from menting.campaigns import (
    advance,
    approve,
    audience,
    content,
    outbox,
    plan,
    statements,
)
from menting.campaigns.models import Campaign
from menting.people.outbound import Accepted
from menting.users import guard, house

ME = "bench:1:me"
OWNER = guard.at_shell()
TEXT = "Hello, from March on we open at ten."
BATCH = 500
GOALS = {50: "≥ 20 k", 1: "≥ 8 k"}
_turns = count()


def prepare(recipients: int) -> Iterator[float]:
    """Make the folder, the people and a campaign; yield the seconds of a bare insert."""
    Folder(config.current().data).prepare()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    fill(recipients)
    house.fill(
        OWNER, legal_name="Bench", contact="b@example.org", language="en", time_zone="UTC"
    )
    yield _bare_insert(content.create(OWNER, content.parse(content.SAMPLE)))


def measure(recipients: int, bare: float) -> Iterator[Row]:
    """Plan the campaign, and send a part of it."""
    campaign = Campaign.objects.get()
    yield from _planning(campaign, recipients, bare)
    yield from _sending(campaign, recipients)


def _planning(campaign: Campaign, recipients: int, bare: float) -> Iterator[Row]:
    with LockWatch(_raw_connection()) as watch:
        began = time.perf_counter()
        planned = plan.plan(OWNER, campaign.pk).planned
        took = time.perf_counter() - began
    assert planned == recipients, planned
    what = f"planning {recipients:,} recipients"
    yield Row(what, took, "s", bare, took / bare, "≤ 30 s at 1 M")
    yield Row(f"{what}: peak memory", _peak_megabytes(), "MB", None, None, "≤ 150 MB")
    longest = max(watch.held)
    yield Row(f"{what}: longest write lock", longest, "s", None, None, "≤ 0.5 s")


def _bare_insert(campaign: Campaign) -> float:
    """Return the seconds of one INSERT … SELECT of as many rows, which is then undone."""
    audience.stage(campaign)
    with transaction.atomic(), connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute(plan.INSERT, plan.insert_values(campaign, 0, 1 << 40))
        took = time.perf_counter() - began
        transaction.set_rollback(True)
    audience.unstage()
    return took


@dataclass(slots=True)
class LockWatch:
    """Notes how long each transaction of a connection held the write lock."""

    connection: sqlite3.Connection
    held: list[float] = field(default_factory=list)
    _since: float | None = None

    def __enter__(self) -> "LockWatch":
        """Watch from here on."""
        self.connection.set_trace_callback(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        self.connection.set_trace_callback(None)

    def _note(self, statement: str) -> None:
        # Told at the start of each statement: a commit has ended when the next one begins.
        now = time.perf_counter()
        if self._since is not None and not self.connection.in_transaction:
            self.held.append(now - self._since)
            self._since = None
        if statement.startswith("BEGIN"):
            self._since = now


def _sending(campaign: Campaign, recipients: int) -> Iterator[Row]:
    approve.approve(OWNER, campaign.pk)
    approve.start(OWNER, campaign.pk)
    while advance.make_ready():
        continue
    wanted = min(50_000, recipients // 8)
    for each, goal in GOALS.items():
        ours = _rate(functools.partial(_one_batch, each), wanted)
        raw = _rate(_raw_batches(campaign, each), wanted)
        what = f"claim, dispatch and settle, {each} rows an account"
        yield Row(what, ours, "rows/s", raw, ours / raw, goal)


def _rate(batch: Callable[[], int], wanted: int) -> float:
    began, sent = time.perf_counter(), 0
    while sent < wanted and (done := batch()):
        sent += done
    return sent / (time.perf_counter() - began)


def _one_batch(each: int) -> int:
    lanes = _accounts(BATCH // each)
    items = outbox.claim(ME, lanes, now=clock.now(), limit=BATCH, lane=each)
    outbox.dispatch_all([(item, TEXT) for item in items], me=ME)
    outbox.settle_all([(item, Accepted("$event")) for item in items], me=ME)
    return len(items)


def _raw_batches(campaign: Campaign, each: int) -> Callable[[], int]:
    """Return the same reads and writes in stdlib sqlite3, without the product's Python."""
    raw = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    for pragma in ("synchronous = full", "foreign_keys = on", "secure_delete = on"):
        raw.execute(f"pragma {pragma}")
    pick = statements.PICK.replace("%s", "?")

    def batch() -> int:
        found: list[tuple[int]] = []
        now = clock.now().replace(tzinfo=None).isoformat(" ")
        raw.execute("begin immediate")
        for account in _accounts(BATCH // each):
            rows = raw.execute(pick, (campaign.pk, account, now, each)).fetchall()
            raw.execute(_DEBIT, (len(rows), account))
            found += [(row[0],) for row in rows]
        raw.executemany(_CLAIM, found)
        raw.execute("commit")
        for step in (_DISPATCH, _SETTLE):
            raw.execute("begin immediate")
            raw.executemany(step, found)
            raw.execute("commit")
        return len(found)

    return batch


def _accounts(n: int) -> list[int]:
    start = next(_turns) * n
    return [(start + k) % ACCOUNTS + 1 for k in range(n)]


def _raw_connection() -> sqlite3.Connection:
    connection.ensure_connection()
    assert isinstance(connection.connection, sqlite3.Connection)
    return connection.connection


def _peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    [peak] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1000


_DEBIT = "update accounts_account set tat = tat + interval * ? where id = ?"
_CLAIM = (
    "update campaigns_delivery set state = 'claimed', fence = fence + 1, lease_by = 'raw', "
    "lease_until = '2030-01-01 00:00:00' where id = ? and state = 'ready'"
)
_DISPATCH = (
    "update campaigns_delivery set state = 'dispatching', attempts = attempts + 1, "
    "text = 'Hello, from March on we open at ten.', lease_until = '2030-01-01 00:00:00', "
    "dispatched_at = '2026-01-01 00:00:00' where id = ? and state = 'claimed'"
)
_SETTLE = (
    "update campaigns_delivery set state = 'accepted', provider_id = '$event', "
    "settled_at = '2026-01-01 00:00:00', lease_by = '', lease_until = null "
    "where id = ? and state = 'dispatching'"
)
