"""Loading an old history: past the spool, in batches, each with how far it reaches."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from menting.base import clock
from menting.visits.daily import Days, Salts
from menting.visits.imports import accesslog
from menting.visits.imports.record import PageView, Passed, Record, Rejected
from menting.visits.store.base import ALL_SPACES, Import, ImportBatch
from menting.visits.store.embedded import Embedded
from menting.visits.visit import SpaceSeen, Visit

#: Lines a transaction: it holds the write lock for some 0.2 s, and the roller waits.
BATCH_LINES = 5_000
#: Days behind the newest for which callers are told apart; servers write in order.
_DAYS_OPEN = 3

FORMATS = tuple(accesslog.FORMATS)


class NotLoadableError(Exception):
    """The file cannot be imported as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a file."""

    import_id: int
    rows: int
    rejected: int
    passed: int
    #: The file was in the store before, and nothing was changed.
    is_repeated: bool


def load(  # noqa: PLR0913  # all by name
    path: Path,
    *,
    store: Path,
    space: SpaceSeen,
    house_zone: ZoneInfo,
    form: str,
    host: str = "",
    on_rejected: Callable[[Rejected], None] = lambda _: None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Import a file into a space's history; the same file twice changes nothing.

    One that was stopped goes on behind its last whole batch. `on_progress` gets the number
    of the last line kept. Raises NotLoadableError, OSError and StoreError.
    """
    if form not in FORMATS:
        raise NotLoadableError(
            f"{form!r} is no format known here: one of {', '.join(FORMATS)}"
        )
    writer = Embedded(store)
    try:
        found = writer.begin_import(
            space=space.id,
            digest=_digest(path),
            form=form,
            zone=space.zone.key,
            house_zone=house_zone.key,
        )
        if found.state == "undoing":
            raise NotLoadableError(f"import {found.id} of this file is being taken back")
        if found.state == "done":
            return _loaded(found, is_repeated=True)
        records = accesslog.read(path, form=form, host=host, after=found.line)
        gather = _Gatherer(space, house_zone)
        while batch := list(islice(records, BATCH_LINES)):
            for record in batch:
                if isinstance(record, Rejected):
                    on_rejected(record)
            found = writer.add_import(gather.batch(batch, of=found))
            on_progress(found.line)
        writer.finish_import(found.id)
    except (EOFError, zlib.error) as error:
        raise NotLoadableError(f"{path} is no whole gzip file: {error}") from error
    finally:
        writer.close()
    return _loaded(found, is_repeated=False)


class _Gatherer:
    """Makes visits of page views, with ids whose salts are gone with this object."""

    def __init__(self, space: SpaceSeen, house_zone: ZoneInfo) -> None:
        self._space, self._house_zone = space, house_zone
        self._days, self._salts = Days(), Salts()
        self._seen: dict[int, set[int]] = {}

    def batch(self, records: Sequence[Record], *, of: Import) -> ImportBatch:
        views = [record for record in records if isinstance(record, PageView)]
        visits = [self._visit(view) for view in views]
        return ImportBatch(
            import_id=of.id,
            after=of.line,
            line=records[-1].line,
            visits=visits,
            visitors=self._first_of_day(visits),
            rejected=sum(isinstance(record, Rejected) for record in records),
            passed=sum(isinstance(record, Passed) for record in records),
        )

    def _visit(self, view: PageView) -> Visit:
        at = clock.millis(view.at)
        day = self._days.day(at, zone=self._space.zone)
        anon = self._salts.anonymous_id(
            space=self._space.id,
            day=day,
            ends=self._days.end(day, zone=self._space.zone),
            caller=view.caller,
        )
        return Visit(
            at=at,
            space=self._space.id,
            day=day,
            house_day=self._days.day(at, zone=self._house_zone),
            path=view.path,
            referrer=view.referrer,
            country=view.country,
            device=view.device,
            browser=view.browser,
            os=view.os,
            anon=anon,
        )

    def _first_of_day(self, visits: Sequence[Visit]) -> Counter[tuple[int, int]]:
        counts: Counter[tuple[int, int]] = Counter()
        for visit in visits:
            of_day = self._seen.setdefault(visit.day, set())
            if visit.anon not in of_day:
                of_day.add(visit.anon)
                counts[visit.space, visit.day] += 1
                counts[ALL_SPACES, visit.house_day] += 1
        oldest = max(self._seen, default=0) - _DAYS_OPEN
        self._seen = {day: ids for day, ids in self._seen.items() if day >= oldest}
        return counts


def _loaded(found: Import, *, is_repeated: bool) -> Loaded:
    return Loaded(found.id, found.rows, found.rejected, found.passed, is_repeated)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
