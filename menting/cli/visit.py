"""`menting visit`: bring old histories in, look at visits, and take them back."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from menting.base.folder import Folder, Lock, TakenError
from menting.base.roles import Role
from menting.cli import loaded, out, ready, seen
from menting.cli.loaded import rejected_rows
from menting.visits import read
from menting.visits.grain import Grain, TooFineError
from menting.visits.imports import load
from menting.visits.store import erasure
from menting.visits.store.base import Dim, StoreError
from menting.visits.visit import SpaceSeen

if TYPE_CHECKING:
    from menting.spaces.seen import Place

app = typer.Typer(no_args_is_help=True, help="Visits to your spaces, of all years.")

Json = Annotated[bool, typer.Option("--json")]
Of = Annotated[str, typer.Option("--space", metavar="SLUG", help="A space; else all.")]
One = Annotated[str, typer.Option("--space", metavar="SLUG", help="The space.")]
Since = Annotated[str, typer.Option("--from", metavar="DATE", help="YYYY-MM-DD.")]
Until = Annotated[str, typer.Option("--to", metavar="DATE", help="YYYY-MM-DD, included.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]

_DIMENSIONS = {dim.name.lower(): dim for dim in Dim}
VISITOR = "visitor"


@app.command("import")
@out.command_errors(load.NotLoadableError, StoreError)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    space: One,
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=", ".join(load.FORMATS))
    ],
    host: Annotated[
        str, typer.Option(help="Of a vhost log, take only this virtual host.")
    ] = "",
    json: Json = False,
) -> None:
    """Import an old history; the same file twice changes nothing."""
    folder = ready.database()
    from menting.users import audit, guard, house

    actor = guard.at_shell()
    guard.check(actor, "visits.import")
    place = _place(space)
    with (
        rejected_rows(folder.rejected / f"{file.name}.rejected.csv") as rejected,
        out.notes.status(f"reading {file.name}") as shown,
    ):
        done = load.load(
            file,
            store=folder.visits,
            space=SpaceSeen(place.number, place.slug, frozenset(), place.zone),
            house_zone=house.zone(),
            form=format_,
            host=host,
            on_rejected=rejected.add,
            on_progress=lambda line: shown.update(f"{file.name}: {line:,} lines"),
        )
    detail = {"space": place.number, "rows": done.rows, "rejected": done.rejected}
    if not done.is_repeated:
        audit.record(
            actor, "visit.import", target=f"import:{done.import_id}", detail=detail
        )
    document = {
        "id": done.import_id,
        "space": space,
        "format": format_,
        "rows": done.rows,
        "rejected": done.rejected,
        "passed": done.passed,
        "repeated": done.is_repeated,
        "rejected_file": str(rejected.path) if rejected.count else None,
    }
    out.emit(document, json=json, human=lambda: loaded.show(document))


@app.command()
@out.command_errors(StoreError)
def undo(
    number: Annotated[int, typer.Argument(metavar="IMPORT")], json: Json = False
) -> None:
    """Take an import back: its rows and every count of them."""
    folder = ready.database()
    from menting.users import audit, guard

    actor = guard.at_shell()
    guard.check(actor, "visits.import")
    rows = erasure.undo(folder.visits, import_id=number)
    audit.record(actor, "visit.undo", target=f"import:{number}", detail={"rows": rows})
    out.emit(
        {"id": number, "rows": rows},
        json=json,
        human=lambda: out.console.print(f"Import {number}: {rows:,} visits taken back."),
    )


@app.command()
@out.command_errors(read.BadCursorError, StoreError)
def log(  # noqa: PLR0913, PLR0917  # each is an option of the command
    space: Of = "",
    since: Since = "",
    until: Until = "",
    visitor: Annotated[int | None, typer.Option(metavar="VISITOR")] = None,
    limit: Limit = 50,
    cursor: Annotated[str, typer.Option(help="From the list before.")] = "",
    json: Json = False,
) -> None:
    """Show visits, newest first."""
    folder = _caught_up()
    from menting.spaces import seen as shapes

    place = _place(space)
    page = read.log(
        read.store(folder.visits),
        space=place.number,
        since=_midnight(since, place.zone),
        until=_midnight(until, place.zone, days=1),
        who=visitor,
        limit=limit,
        cursor=cursor or None,
    )
    items = shapes.items(page, zone=place.zone)
    out.emit(
        out.page(items, page.next),
        json=json,
        human=lambda: seen.show(items, following=page.next),
    )


@app.command()
@out.command_errors(TooFineError, StoreError)
def series(
    space: Of = "",
    grain: Annotated[Grain, typer.Option()] = Grain.DAY,
    since: Since = "",
    until: Until = "",
    json: Json = False,
) -> None:
    """Show visits by hour, day, month or year; those without any are left out.

    Daily visitors are a sum: who comes on two days is counted twice.
    """
    folder = _caught_up()
    from menting.spaces import seen as shapes

    place = _place(space)
    points = read.series(
        read.store(folder.visits),
        space=place.number,
        zone=place.zone,
        grain=grain,
        since=_day(since),
        until=_day(until),
    )
    items = shapes.points(points)
    columns = ("start", "visits", "named", "daily visitors (sum)")
    out.emit(
        out.page(items, None),
        json=json,
        human=lambda: out.table(columns, [tuple(item.values())[1:] for item in items]),
    )


@app.command()
@out.command_errors(StoreError)
def top(
    dimension: Annotated[
        str, typer.Argument(metavar="DIMENSION", help=", ".join([*_DIMENSIONS, VISITOR]))
    ],
    space: Of = "",
    year: Annotated[int | None, typer.Option(help="Of one year; else of all.")] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show the most frequent paths, referrers, countries, … or visitors."""
    folder = _caught_up()
    from menting.spaces import seen as shapes

    place = _place(space)
    reader = read.store(folder.visits)
    if dimension == VISITOR:
        items = shapes.faces(
            read.faces(reader, space=place.number, limit=limit), zone=place.zone
        )
    elif dimension in _DIMENSIONS:
        found = read.top(
            reader, space=place.number, dim=_DIMENSIONS[dimension], year=year, limit=limit
        )
        items = shapes.values(found)
    else:
        raise typer.BadParameter(f"one of {', '.join([*_DIMENSIONS, VISITOR])}")
    as_of = read.as_of(reader, spool_folder=folder.spool, consumer="tops")
    if as_of is not None:
        out.notes.print(_freshness(as_of.astimezone(place.zone)))
    out.emit(
        out.page(items, None),
        json=json,
        human=lambda: out.table(
            (dimension, "visits"), [tuple(item.values())[1:3] for item in items]
        ),
    )


def _freshness(as_of: datetime) -> str:
    if as_of.year < 1971:  # nothing that came by the door was counted so far
        return "The latest visits are not counted here yet."
    return f"As of {as_of:%Y-%m-%d %H:%M}."


@app.command()
@out.command_errors(StoreError)
def erase(
    visitor: Annotated[int, typer.Argument(metavar="VISITOR")],
    space: One,
    json: Json = False,
) -> None:
    """Make a visitor nameless in all visits; the counts stay."""
    folder = ready.database()
    from menting.spaces import visitors
    from menting.spaces.models import Visitor
    from menting.users import audit, guard

    actor = guard.at_shell()
    guard.check(actor, "visits.erase")
    place = _place(space)
    named = Visitor.objects.filter(space_id=place.number, who=visitor).first()
    if named is not None:
        visitors.withdraw(named.user, named.space)
    visits = erasure.erase(folder.visits, who=visitor)
    audit.record(
        actor, "visit.erase", target=f"space:{place.number}", detail={"visits": visits}
    )
    out.emit(
        {"id": str(visitor), "visits": visits},
        json=json,
        human=lambda: out.console.print(f"{visits:,} visits are nameless now."),
    )


def _caught_up() -> Folder:
    """Return the folder; without a program on it, what its spool holds is kept first."""
    folder = ready.database()
    from menting.workers import roller

    try:
        with Lock(folder, (Role.ROLLER,)):
            roller.drain(folder.visits, folder.spool)
    except TakenError:
        pass  # the program rolls each second
    return folder


def _place(slug: str) -> "Place":
    from menting.spaces import seen as shapes

    try:
        return shapes.place(slug)
    except shapes.NoSuchSpaceError as error:
        raise out.CommandError(f"{error}: see `menting space list`") from error


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date as 2011-03-02") from error


def _midnight(text: str, zone: ZoneInfo, *, days: int = 0) -> datetime | None:
    day = _day(text)
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time.min, tzinfo=zone)
