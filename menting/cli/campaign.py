"""`menting campaign`: write, plan, approve, start and watch what goes out."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from menting.base.folder import Folder, TakenError
from menting.cli import out, ready

if TYPE_CHECKING:
    from menting.campaigns.models import Campaign
    from menting.users.guard import Actor

#: Who waits asks this often, in seconds.
POLL_SECONDS = 0.25

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="The campaign's id.")]
Cursor = Annotated[
    int, typer.Option("--cursor", min=0, help="From the last list's `next`.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000)]

app = typer.Typer(
    no_args_is_help=True, help="What goes out, to whom, and what became of it."
)


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="The campaign as TOML.")], json: Json = False
) -> None:
    """Read a campaign from a file, check all of it, and store it."""
    ready.database()
    from menting.campaigns import content

    made = _do(lambda actor: content.create(actor, content.read_toml(file)))
    _emit_status(made.pk, json)


@app.command()
def plan(
    campaign_id: Id,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say who and why not; store nothing.")
    ] = False,
    cursor: Cursor = 0,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Freeze who gets it; with --dry-run name each person left out, with the reason."""
    ready.database()
    from menting.campaigns import plan as planning

    if dry_run:
        _dry_run(campaign_id, cursor=cursor, limit=limit, json=json)
        return
    _do(lambda actor: planning.plan(actor, campaign_id))
    _emit_status(campaign_id, json)


@app.command()
def approve(campaign_id: Id, json: Json = False) -> None:
    """Approve what the campaign says now."""
    ready.database()
    from menting.campaigns import approve as approval

    _do(lambda actor: approval.approve(actor, campaign_id))
    _emit_status(campaign_id, json)


@app.command()
def start(
    campaign_id: Id,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it is done; sends if no program runs.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a planned campaign go out, or a paused one go on."""
    folder = ready.database()
    from menting.campaigns import approve as approval

    _do(lambda actor: approval.start(actor, campaign_id))
    if wait:
        _wait(folder, campaign_id)
    _emit_status(campaign_id, json)


@app.command()
def pause(campaign_id: Id, json: Json = False) -> None:
    """Stop a running campaign between two sends."""
    ready.database()
    from menting.campaigns import approve as approval

    _do(lambda actor: approval.pause(actor, campaign_id))
    _emit_status(campaign_id, json)


@app.command()
def status(campaign_id: Id, json: Json = False) -> None:
    """Say how far a campaign is."""
    ready.database()
    _emit_status(campaign_id, json)


@app.command()
def deliveries(
    campaign_id: Id,
    state: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    cursor: Cursor = 0,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List each recipient with what became of the message."""
    ready.database()
    from menting.campaigns import report
    from menting.people.sendable import SendState

    if state and state not in SendState.values:
        raise typer.BadParameter(f"states are {', '.join(SendState.values)}")
    page = _do(
        lambda _: report.deliveries(campaign_id, state=state, after=cursor, limit=limit)
    )
    out.emit(
        out.page(page.items, _text(page.following)),
        json=json,
        human=lambda: out.table(
            ("id", "person", "account", "state", "reason"),
            [_delivery_cells(item) for item in page.items],
        ),
    )


@app.command()
def resolve(
    delivery_id: Annotated[int, typer.Argument(metavar="DELIVERY")],
    received: Annotated[
        bool, typer.Option("--received", help="Assume that it arrived.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send it again: it may arrive twice.")
    ] = False,
    json: Json = False,
) -> None:
    """Decide a delivery of which nobody knows whether it arrived."""
    if received == again:
        raise typer.BadParameter("give --received or --again")
    ready.database()
    from menting.campaigns import resolve as resolving

    answer = resolving.Answer.RECEIVED if received else resolving.Answer.AGAIN
    row = _do(lambda actor: resolving.resolve(actor, delivery_id, answer=answer))
    out.emit(
        {
            "id": row.pk,
            "campaign": row.campaign_id,
            "state": row.state,
            "reason": row.reason,
        },
        json=json,
        human=lambda: out.console.print(f"Delivery {row.pk}: {row.state}, {row.reason}."),
    )


def _do(act: "Callable[[Actor], Any]") -> Any:
    """Do what an operator asked for, or say in one line why it was refused."""
    from django.core.exceptions import ObjectDoesNotExist

    from menting.campaigns.errors import CampaignError
    from menting.users import guard
    from menting.users.house import HouseIncompleteError

    try:
        return act(guard.at_shell())
    except (CampaignError, HouseIncompleteError, OSError) as error:
        out.fail(str(error))
    except ObjectDoesNotExist:
        out.fail("there is none with this id; the console lists campaigns")


def _dry_run(campaign_id: int, *, cursor: int, limit: int, json: bool) -> None:
    from menting.campaigns import audience
    from menting.campaigns import plan as planning
    from menting.campaigns.models import Campaign

    tried = _do(lambda _: planning.dry_run(campaign_id))
    campaign = Campaign.objects.get(pk=campaign_id)
    people = audience.left_out(campaign, after=cursor, limit=limit)
    following = people[-1].contact_id if len(people) == limit else None
    page = out.page([asdict(person) for person in people], _text(following))
    out.emit(
        {"id": campaign_id, **asdict(tried), **page},
        json=json,
        human=lambda: _show_dry_run(campaign, tried.planned, people),
    )


def _show_dry_run(campaign: "Campaign", planned: int, people: "list[Any]") -> None:
    out.console.print(f"{campaign.name}: {planned} people would get it.")
    if people:
        out.table(
            ("id", "person", "left out because"),
            [(person.contact_id, person.name, person.reason) for person in people],
        )


def _emit_status(campaign_id: int, json: bool) -> None:
    from menting.campaigns import report

    told = _do(lambda _: report.status(campaign_id))
    out.emit(
        told,
        json=json,
        human=lambda: out.table(
            tuple(key for key in told if key != "left_out"),
            [tuple(value for key, value in told.items() if key != "left_out")],
            title="; ".join(f"{n} {reason}" for reason, n in told["left_out"].items()),
        ),
    )


def _wait(folder: Folder, campaign_id: int) -> None:
    """Watch the program on the folder; without one, be it until the campaign has ended."""
    from menting.cli import alone
    from menting.server import logs

    logs.configure("WARNING")  # to stderr: stdout holds the result alone
    try:
        alone.run_alone(folder, _send_until_ended(campaign_id))
    except TakenError:
        asyncio.run(_watch(campaign_id))


async def _send_until_ended(campaign_id: int) -> None:
    from menting.base import lease
    from menting.workers.keeper import Keeper
    from menting.workers.sender import Sender

    stop, me = asyncio.Event(), lease.holder_name()
    keeper = Keeper(me)
    async with asyncio.TaskGroup() as group:
        group.create_task(keeper.run(stop), name="keeper")
        group.create_task(Sender(keeper, me).run(stop), name="sender")
        try:
            await _watch(campaign_id)
        finally:
            stop.set()


async def _watch(campaign_id: int) -> None:
    from menting.campaigns.models import Campaign, CampaignState
    from menting.workers import bridge

    def _runs() -> bool:
        running = Campaign.objects.filter(pk=campaign_id, state=CampaignState.RUNNING)
        return running.exists()

    while True:
        if not await bridge.call(_runs):
            return
        await asyncio.sleep(POLL_SECONDS)


def _delivery_cells(item: dict[str, Any]) -> tuple[object, ...]:
    person, account = item["contact"], item["account"]
    return item["id"], person["name"], account["handle"], item["state"], item["reason"]


def _text(cursor: int | None) -> str | None:
    return None if cursor is None else str(cursor)
