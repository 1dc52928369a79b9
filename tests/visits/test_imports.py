"""Old histories from access logs: what is read, left out, refused, resumed, taken back."""

import gzip
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menting.visits import read
from menting.visits.grain import Grain
from menting.visits.imports import accesslog, load
from menting.visits.imports.record import PageView, Passed, Rejected
from menting.visits.store.base import Dim, ImportMovedError, Mark, UnknownImportError
from menting.visits.store.embedded import Embedded
from menting.visits.store.erasure import undo
from menting.visits.store.reading import EmbeddedReader
from menting.visits.visit import Visit
from tests.visits.conftest import FIREFOX, GARDEN, SHANGHAI

HOUSE = ZoneInfo("UTC")
AT = "[02/Mar/2011:10:00:00 +0100]"


def line(
    target: str = "/hello",
    *,
    method: str = "GET",
    status: int = 200,
    at: str = AT,
    address: str = "1.2.3.4",
    agent: str = FIREFOX,
    referrer: str = "-",
) -> str:
    """Return a Combined line."""
    return (
        f'{address} - frank {at} "{method} {target} HTTP/1.1" {status} 2326 '
        f'"{referrer}" "{agent}"'
    )


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write lines to a log file."""

    def write(*lines: str, name: str = "access.log") -> Path:
        path = tmp_path / name
        path.write_text("".join(each + "\n" for each in lines))
        return path

    return write


def one(path: Path, form: str = "combined") -> PageView | Passed | Rejected:
    """Return the only record of a file."""
    (found,) = accesslog.read(path, form=form)
    return found


def test_a_combined_line_is_a_page_view_without_its_login_name(
    written: Callable[..., Path],
) -> None:
    found = one(written(line("/h%C3%A9?q=1", referrer="https://www.a.example/x")))
    assert isinstance(found, PageView)
    assert found.at == datetime(2011, 3, 2, 9, tzinfo=UTC)
    assert (found.path, found.referrer, found.country) == ("/hé", "a.example", "AU")
    assert (found.browser, found.os, found.device) == ("Firefox", "Linux", "desktop")
    assert "frank" not in repr(found)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("common", f'1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 -'),
        ("combined", f'2001:db8::1 - - {AT} "GET / HTTP/2.0" 304 0 "-" "-"'),
        ("combined", f'1.2.3.4 - - {AT} "GET / HTTP/2.0" 200 0 "" "say \\"hi\\""'),
        ("combined", f'1.2.3.4 - - {AT} "GET / HTTP/2.0" 200 0 "-" "raw é and \\xc3\\xa9"'),
        ("combined", f'1.2.3.4 - - {AT} "GET http://me.example/ HTTP/1.1" 200 0 "-" "-"'),
        ("vhost", f'me.example:443 1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 2 "-" "-"'),
        ("vhost", f'me.example 1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 2 "-" "-"'),
        ("vhost", f'me.example 1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 2'),
        ("accesslog", f'me.example 1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 2 "-" "-"'),
        ("accesslog", f'1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 2'),
    ],
)
def test_each_form_is_read(written: Callable[..., Path], form: str, text: str) -> None:
    found = one(written(text), form)
    assert isinstance(found, PageView)
    assert found.path == "/"


@pytest.mark.parametrize(
    "text",
    [
        line(method="POST"),
        line(method="HEAD"),
        line(status=404),
        line("/style.css"),
        line("/robots.txt"),
        line("/favicon.ico"),
        line("/font.WOFF2?v=1"),
        line("/feed.xml"),
        line("/archive.tar.gz"),
        line(agent="curl/8.0"),
        f'1.2.3.4 - - {AT} "-" 408 - "-" "-"',
        f'1.2.3.4 - - {AT} "\\x16\\x03\\x01" 400 226 "-" "-"',
    ],
)
def test_what_is_no_page_view_of_a_person_is_passed(
    written: Callable[..., Path], text: str
) -> None:
    assert isinstance(one(written(text)), Passed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        line(at="[31/Feb/2011:10:00:00 +0100]"),
        line(at="[02/März/2011:10:00:00 +0100]"),
        line(at="[02/Mar/1811:10:00:00 +0100]"),
        line("/a b"),
        f'1.2.3.4 - - {AT} "GET / HTTP/1.1" 200 2326',
        "x" * 100_000,
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_with_number_and_reason(
    written: Callable[..., Path], text: str
) -> None:
    first, bad, last = accesslog.read(written(line(), text, line()), form="combined")
    assert isinstance(first, PageView)
    assert isinstance(last, PageView)
    assert isinstance(bad, Rejected)
    assert bad.line == 2
    assert bad.reason


@settings(deadline=None, max_examples=100)
@given(raw=st.binary(max_size=300))
def test_no_bytes_stop_the_reader(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"x" + raw + b"\n" + line().encode() + b"\n")
    *_, last = accesslog.read(path, form="combined")
    assert isinstance(last, PageView)


def test_one_virtual_host_can_be_taken(written: Callable[..., Path]) -> None:
    path = written(f"me.example:443 {line()}", f"you.example:443 {line()}")
    found = list(accesslog.read(path, form="vhost", host="me.example"))
    assert [type(each) for each in found] == [PageView, Passed]


def history(count: int) -> list[str]:
    """Return random lines of two years, in order, with some that are none."""
    rng = random.Random(count)
    start = int(datetime(2011, 1, 1, tzinfo=UTC).timestamp())
    times = sorted(rng.randrange(start, start + 2 * 365 * 86_400) for _ in range(count))
    lines = []
    for at in times:
        text = datetime.fromtimestamp(at, UTC).strftime("[%d/%b/%Y:%H:%M:%S +0000]")
        target = rng.choice(["/", "/a", "/b", "/x.css"])
        lines.append(line(target, at=text, address=f"1.2.3.{rng.randrange(9)}"))
        if rng.random() < 0.05:
            lines.append("damaged")
    return lines


def bring(path: Path, store: Path) -> load.Loaded:
    """Import a Combined log into the garden."""
    return load.load(path, store=store, space=GARDEN, house_zone=HOUSE, form="combined")


def test_an_import_agrees_with_a_count_of_its_own(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    lines = history(3000)
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(written(*lines).read_bytes()))
    store = tmp_path / "visits.db"
    loaded = bring(packed, store)
    pages = [each for each in lines if each != "damaged" and ".css" not in each]
    assert loaded.rows == len(pages)
    assert loaded.rejected == lines.count("damaged")
    assert loaded.rows + loaded.rejected + loaded.passed == len(lines)
    reader = EmbeddedReader(store)
    assert read.totals(reader, space=1).n == read.totals(reader, space=0).n == len(pages)
    paths = Counter(each.split('"')[1].split()[1] for each in pages)
    top = {value.value: value.n for value in read.top(reader, space=1, dim=Dim.PATH)}
    assert top == paths
    seen = read.log(reader, space=1, limit=1).items[0]
    assert (seen.source, seen.precision, seen.who) == ("import:1", "second", 0)
    callers = {(each.split('"')[0].split()[0], each.split("[")[1][:11]) for each in pages}
    # Days are Shanghai's here and UTC's in the count, so nearly the same callers a day.
    assert (
        abs(read.totals(reader, space=1).daily_visitors - len(callers)) < len(callers) / 5
    )


def test_the_same_file_twice_changes_nothing(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    path, store = written(*history(200)), tmp_path / "visits.db"
    first = bring(path, store)
    renamed = path.rename(tmp_path / "copy.log")
    again = bring(renamed, store)
    assert again.is_repeated
    assert again.import_id == first.import_id
    assert read.totals(EmbeddedReader(store), space=1).n == first.rows


def test_one_that_was_stopped_goes_on_where_it_stood(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH_LINES", 100)
    path, store = written(*history(1000)), tmp_path / "visits.db"
    kept: list[int] = []

    def stop(number: int) -> None:
        kept.append(number)
        if len(kept) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load.load(
            path,
            store=store,
            space=GARDEN,
            house_zone=HOUSE,
            form="combined",
            on_progress=stop,
        )
    loaded = bring(path, store)
    whole = bring(path, tmp_path / "other.db")
    assert (loaded.rows, loaded.rejected, loaded.passed) == (
        whole.rows,
        whole.rejected,
        whole.passed,
    )
    assert read.totals(EmbeddedReader(store), space=1).n == whole.rows


def test_two_that_read_one_file_at_once_keep_it_once(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH_LINES", 100)
    path, store = written(*history(300)), tmp_path / "visits.db"
    others: list[load.Loaded] = []

    def meanwhile(_: int) -> None:
        if not others:
            others.append(bring(path, store))

    with pytest.raises(ImportMovedError):
        load.load(
            path,
            store=store,
            space=GARDEN,
            house_zone=HOUSE,
            form="combined",
            on_progress=meanwhile,
        )
    assert read.totals(EmbeddedReader(store), space=1).n == others[0].rows


def test_an_undo_takes_back_all_and_nothing_else(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    store = tmp_path / "visits.db"
    at = int(datetime(2011, 5, 5, tzinfo=UTC).timestamp()) * 1000
    live = [
        Visit(
            at=at + n, space=1, day=15_099, house_day=15_099, path="/", who=7, country="AU"
        )
        for n in range(20)
    ]
    writer = Embedded(store)
    writer.add_rows(live, mark=Mark("rows", "s", 1))
    writer.add_tops(live, mark=Mark("tops", "s", 1))
    writer.close()
    before = everything(store)
    path = written(*history(3000))
    loaded = bring(path, store)
    assert everything(store) != before
    assert undo(store, import_id=loaded.import_id) == loaded.rows
    assert everything(store) == before
    with pytest.raises(UnknownImportError):
        undo(store, import_id=loaded.import_id)
    # What was taken back may come again.
    assert bring(path, store).rows == loaded.rows


def everything(store: Path) -> list[object]:
    """Return each answer that an import changes."""
    reader = EmbeddedReader(store)
    found: list[object] = []
    for space, zone in ((0, HOUSE), (1, SHANGHAI)):
        found.append(read.log(reader, space=space, limit=9999).items)
        found += [
            read.series(reader, space=space, zone=zone, grain=grain)
            for grain in (Grain.DAY, Grain.MONTH, Grain.YEAR)
        ]
        found += [read.top(reader, space=space, dim=dim) for dim in Dim]
        found += [read.top(reader, space=space, dim=dim, year=2011) for dim in Dim]
        found.append(read.totals(reader, space=space))
    reader.close()
    return found


def test_a_broken_gzip_keeps_what_was_whole(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(written(*history(500)).read_bytes())[:-200])
    with pytest.raises(load.NotLoadableError, match="gzip"):
        bring(packed, tmp_path / "visits.db")
    with pytest.raises(load.NotLoadableError, match="format"):
        load.load(
            packed,
            store=tmp_path / "v.db",
            space=GARDEN,
            house_zone=HOUSE,
            form="carrier pigeon",
        )
