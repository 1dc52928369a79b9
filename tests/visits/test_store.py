"""The embedded store: every count is the sum of the rows, and each visit is in it once."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menting.visits import read, visit
from menting.visits.daily import Days
from menting.visits.grain import Grain
from menting.visits.store import connection, dims, reading
from menting.visits.store.base import OTHER, Dim, Mark, NewerStoreError
from menting.visits.store.embedded import Embedded
from menting.visits.store.erasure import erase
from menting.visits.store.reading import EmbeddedReader
from menting.visits.visit import Visit
from tests.visits.conftest import SHANGHAI

NEW_YORK, HOUSE = ZoneInfo("America/New_York"), ZoneInfo("UTC")
ZONES = {1: SHANGHAI, 2: NEW_YORK}
NEW_YEAR = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp() * 1000)


def make(at: int, space: int = 1, **fields: object) -> Visit:
    """Return a visit whose days fit its time and space."""
    days = Days()
    values = {"path": "/", **fields}
    return Visit(
        at=at,
        space=space,
        day=days.day(at, zone=ZONES[space]),
        house_day=days.day(at, zone=HOUSE),
        **values,  # type: ignore[arg-type]  # the fields of the test
    )


def put(path: Path, *batches: list[Visit]) -> None:
    """Keep batches by both consumers."""
    writer = Embedded(path)
    for number, batch in enumerate(batches):
        writer.add_rows(batch, mark=Mark("rows", "s", number))
        writer.add_tops(batch, mark=Mark("tops", "s", number))
    writer.close()


#: Few times, so that ties and days around midnight of every zone are frequent.
TIMES = st.integers(-40, 40).map(lambda n: NEW_YEAR + n * 1_800_000) | st.integers(
    NEW_YEAR, NEW_YEAR + 3
)
VISITS = st.builds(
    lambda at, space, who, anon, path, referrer, agent: make(
        at,
        space,
        who=who,
        anon=0 if who else anon,
        path=path,
        referrer=referrer,
        country="AU" if anon else "",
        browser=agent,
        os=agent,
    ),
    at=TIMES,
    space=st.sampled_from([1, 2]),
    who=st.sampled_from([0, 0, 7, 1 << 60]),
    anon=st.integers(0, 3),
    path=st.sampled_from(["/", "/a", "/你好"]),
    referrer=st.sampled_from(["", "a.example"]),
    agent=st.sampled_from(["", "Firefox"]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(VISITS, max_size=12), max_size=6))
def test_every_count_is_the_sum_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Visit]]
) -> None:
    path = tmp_path_factory.mktemp("store") / "visits.db"
    put(path, *batches)
    reader = EmbeddedReader(path)
    visits = [each for batch in batches for each in batch]
    for space, zone in ((1, SHANGHAI), (2, NEW_YORK), (0, HOUSE)):
        mine = [each for each in visits if space in (0, each.space)]
        day = "day" if space else "house_day"
        assert {
            visit.day_of(point.start.date()): point.n
            for point in read.series(reader, space=space, zone=zone, grain=Grain.DAY)
        } == Counter(getattr(each, day) for each in mine)
        for grain in (Grain.MONTH, Grain.YEAR):
            points = read.series(reader, space=space, zone=zone, grain=grain)
            assert sum(point.n for point in points) == len(mine)
        for dim, name in (
            (Dim.PATH, "path"),
            (Dim.BROWSER, "browser"),
            (Dim.COUNTRY, "country"),
        ):
            assert {
                value.value: value.n for value in read.top(reader, space=space, dim=dim)
            } == Counter(getattr(each, name) for each in mine)
        in_2015 = [each for each in mine if visit.date_of(getattr(each, day)).year == 2015]
        assert sum(
            v.n for v in read.top(reader, space=space, dim=Dim.OS, year=2015)
        ) == len(in_2015)
        assert read.totals(reader, space=space).n == len(mine)
        assert read.totals(reader, space=space).named == sum(
            bool(each.who) for each in mine
        )
        page = read.log(reader, space=space, limit=1000)
        assert [seen.at for seen in page.items] == sorted(
            (datetime.fromtimestamp(each.at / 1000, UTC) for each in mine), reverse=True
        )
        assert Counter(
            (seen.path, seen.who, seen.referrer) for seen in page.items
        ) == Counter((each.path, each.who, each.referrer) for each in mine)
    reader.close()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(VISITS, max_size=12), max_size=5))
def test_daily_visitors_are_distinct_within_a_day_however_they_are_batched(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Visit]]
) -> None:
    path = tmp_path_factory.mktemp("store") / "visits.db"
    put(path, *batches)
    reader = EmbeddedReader(path)
    for space in (1, 2):
        distinct = {
            (each.day, each.who or each.anon)
            for batch in batches
            for each in batch
            if each.space == space and (each.who or each.anon)
        }
        assert read.totals(reader, space=space).daily_visitors == len(distinct)
    reader.close()


def test_two_identical_visits_in_one_millisecond_are_two(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    one = make(NEW_YEAR, who=7)
    put(path, [one, one], [one], [make(NEW_YEAR - 1), one])
    reader = EmbeddedReader(path)
    page = read.log(reader, space=1)
    assert [seen.id for seen in page.items[:4]] == [
        f"1.{NEW_YEAR}.{n}" for n in (3, 2, 1, 0)
    ]
    assert len(read.life(reader, space=1, who=7).items) == 4


def test_a_failed_batch_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    writer = Embedded(path)
    batch = [make(NEW_YEAR + n, path=f"/{n}", anon=n + 1) for n in range(5)]
    broken = [*batch, make(NEW_YEAR, who=1 << 70)]
    with pytest.raises(OverflowError):
        writer.add_rows(broken, mark=Mark("rows", "s", 1))
    assert writer.marks() == {}
    writer.add_rows(batch, mark=Mark("rows", "s", 1))
    writer.close()
    assert read.totals(EmbeddedReader(path), space=1).daily_visitors == 5


@given(limit=st.integers(1, 7))
@settings(deadline=None, max_examples=7)
def test_pages_follow_one_another_without_gap_or_repeat(
    tmp_path_factory: pytest.TempPathFactory, limit: int
) -> None:
    path = tmp_path_factory.mktemp("store") / "visits.db"
    put(path, [make(NEW_YEAR + n // 3, n % 2 + 1, who=7) for n in range(30)])
    reader = EmbeddedReader(path)
    for space in (0, 1, 2):
        whole = [seen.id for seen in read.log(reader, space=space, limit=100).items]
        got: list[str] = []
        cursor: str | None = None
        while True:
            page = read.log(reader, space=space, who=7, limit=limit, cursor=cursor)
            got += [seen.id for seen in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert got == whole
    with pytest.raises(read.BadCursorError):
        read.log(reader, space=1, cursor="x")
    reader.close()


def test_a_log_is_cut_by_time(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    put(path, [make(NEW_YEAR + hour * 3_600_000) for hour in range(48)])
    reader = EmbeddedReader(path)
    since = datetime(2015, 1, 1, 10, tzinfo=UTC)
    page = read.log(reader, space=1, since=since, until=since + timedelta(hours=5))
    assert [seen.at.hour for seen in page.items] == [14, 13, 12, 11, 10]


def test_hours_are_those_of_the_zone_also_of_half_hour_zones(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    put(path, [make(NEW_YEAR), make(NEW_YEAR + 1_800_000), make(NEW_YEAR + 3_600_000)])
    reader = EmbeddedReader(path)
    points = read.series(
        reader,
        space=1,
        zone=ZoneInfo("Asia/Kolkata"),
        grain=Grain.HOUR,
        since=date(2015, 1, 1),
        until=date(2015, 1, 1),
    )
    assert [(point.start.hour, point.n) for point in points] == [(5, 1), (6, 2)]


def test_a_month_that_is_cut_is_counted_by_its_days(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    put(path, [make(NEW_YEAR + day * 86_400_000) for day in range(60)])
    reader = EmbeddedReader(path)
    points = read.series(
        reader,
        space=1,
        zone=SHANGHAI,
        grain=Grain.MONTH,
        since=date(2015, 1, 11),
        until=date(2015, 2, 10),
    )
    assert [(point.start.month, point.n) for point in points] == [(1, 21), (2, 10)]
    calendar = read.calendar(reader, space=1)
    assert calendar.years == [2015]
    assert calendar.days[date(2015, 1, 1)] == calendar.most == 1


def test_random_paths_end_as_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dims, "TEXTS_A_YEAR", 10)
    path = tmp_path / "visits.db"
    put(
        path,
        [make(NEW_YEAR + n, path=f"/{n}") for n in range(25)],
        [make(NEW_YEAR, path="/3")],
    )
    reader = EmbeddedReader(path)
    top = {
        value.value: value.n for value in read.top(reader, space=1, dim=Dim.PATH, limit=99)
    }
    assert len(top) == 11
    assert top[OTHER] == 15
    assert top["/3"] == 2


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    put(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"pragma user_version = {connection.SCHEMA_VERSION + 1}")
    with pytest.raises(NewerStoreError, match="newer Menting"):
        Embedded(path)


def test_reads_go_by_keys_alone(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    put(path, [make(NEW_YEAR, who=7)])
    with closing(sqlite3.connect(path)) as db:
        for sql, args in (
            (reading._ROWS, (1, 0, 9, 9, 5)),
            (reading._ROWS_OF, (1, 7, 0, 9, 9, 5)),
        ):
            plan = " ".join(row[3] for row in db.execute("explain query plan " + sql, args))
            assert "SCAN" not in plan
            assert "TEMP B-TREE" not in plan


def test_an_erased_visitor_is_nameless_everywhere_and_the_counts_stay(
    tmp_path: Path,
) -> None:
    path = tmp_path / "visits.db"
    named = [make(NEW_YEAR + n, n % 2 + 1, who=7) for n in range(4500)]
    put(path, named, [make(NEW_YEAR, who=8)])
    before = read.calendar(EmbeddedReader(path), space=0)
    assert erase(path, who=7) == 4500
    reader = EmbeddedReader(path)
    assert read.calendar(reader, space=0) == before
    assert read.life(reader, space=1, who=7).items == []
    assert read.face(reader, space=1, who=7) is None
    assert [face.who for face in read.faces(reader, space=0)] == [8]
    assert {seen.who for seen in read.log(reader, space=0, limit=9999).items} == {0, 8}
    # What the spool still held of the visitor comes in nameless.
    put(path, [make(NEW_YEAR + 9000, who=7)])
    assert read.life(EmbeddedReader(path), space=1, who=7).items == []


def test_an_erased_number_is_in_no_byte_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    who = 0x5AB1_E5C3_9D27_F10E
    put(path, [make(NEW_YEAR + n, who=who if n % 3 else 9) for n in range(3000)])
    assert who.to_bytes(8) in path.read_bytes()
    erase(path, who=who, space=1)
    for file in tmp_path.iterdir():
        assert who.to_bytes(8) not in file.read_bytes()
