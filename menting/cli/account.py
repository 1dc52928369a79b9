"""`menting account`: who is signed in; `roster` adds what is done with many at once."""

import asyncio
import contextlib
import getpass
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from menting.base.folder import Folder, TakenError
from menting.cli import out, ready

if TYPE_CHECKING:
    from menting.accounts import read
    from menting.users.guard import Actor

#: Who watches asks this often, in seconds.
POLL_SECONDS = 0.25
#: Nothing moved for so long: no program keeps the accounts, or a host is silent.
STALLED_SECONDS = 90.0

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="The account's id.")]
Shown = Callable[["read.Progress"], None]

app = typer.Typer(no_args_is_help=True, help="Your own accounts: import, sign in, list.")


@app.command("list")
def list_accounts(
    state: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    channel: Annotated[str, typer.Option(help="Only those of this channel.")] = "",
    cursor: Annotated[str | None, typer.Option(help="From the last list's `next`.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: Json = False,
) -> None:
    """List accounts with their state, the reason for it, and since when."""
    ready.database()
    page = _page(state=state, channel=channel, cursor=cursor, limit=limit)
    rows = [asdict(item) for item in page.items]
    out.emit(out.page(rows, page.next), json=json, human=lambda: _show_page(page))


@app.command()
def signin(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids of accounts.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All accounts.")] = False,
    json: Json = False,
) -> None:
    """Sign accounts in side by side, and say which of them failed and why.

    While no program runs on the folder, the sessions end with the command; `menting run`
    signs the same accounts in again and keeps them live.
    """
    if bool(ids) == everyone:
        raise typer.BadParameter("give ids of accounts, or --all")
    folder = ready.database()
    from menting.accounts import read
    from menting.accounts import signin as wanted

    began = time.monotonic()
    _ask(wanted.want_online, ids or None)
    end = _sign_in(folder, sorted(set(ids)) if ids else read.all_ids())
    document = _told(end, seconds=round(time.monotonic() - began, 1))
    out.emit(document, json=json, human=lambda: _show_signin(document))
    if document["failed"]:
        out.fail(f"{len(document['failed'])} of {end.asked} accounts did not sign in")


@app.command()
def signout(account_id: Id, json: Json = False) -> None:
    """Sign one account out; its secret stays for the next sign-in."""
    ready.database()
    from menting.accounts import signin as wanted

    _ask(wanted.want_offline, [account_id])
    _emit_one(account_id, "signed out", json)


@app.command()
def remove(account_id: Id, json: Json = False) -> None:
    """Sign one account out and destroy its secret."""
    ready.database()
    from menting.accounts import signin as wanted

    _ask(wanted.remove, account_id)
    _emit_one(account_id, "removed, and its secret destroyed", json)


@app.command()
def invite(
    account_id: Id,
    code: Annotated[str, typer.Argument(help="What comes back: a poster, a fair, a shop.")],
    json: Json = False,
) -> None:
    """Make a landing link of the platform that says where a person came from."""
    ready.database()
    link = _invite(account_id, code)
    document = {"id": account_id, "code": code, "url": link}
    out.emit(document, json=json, human=lambda: out.console.print(link, soft_wrap=True))


@app.command()
def secret(account_id: Id, json: Json = False) -> None:
    """Ask for an account's secrets anew, unseen, and let it try again at once.

    Lines on a standard input that is no terminal are taken as NAME=SECRET.
    """
    ready.database()
    _give_secret(account_id)
    _emit_one(account_id, "to try again with the new secret", json)


@out.command_errors()
def _invite(account_id: int, code: str) -> str:
    from menting.accounts.signin import UnknownAccountError
    from menting.accounts.vault import KeyMissingError
    from menting.base.crypto import CannotOpenError
    from menting.channels.base import ChannelError
    from menting.users import guard
    from menting.workers import bridge, invitation

    try:
        return asyncio.run(invitation.make(guard.at_shell(), account_id, code))
    except (ChannelError, UnknownAccountError, CannotOpenError, KeyMissingError) as error:
        out.fail(f"no link was made: {error}")
    finally:
        bridge.close()


@out.command_errors()
def _give_secret(account_id: int) -> None:
    from menting.accounts import lines, signin
    from menting.accounts import secret as secrets
    from menting.accounts.models import Account
    from menting.users import guard

    account = Account.objects.filter(pk=account_id, removed_at=None).first()
    if account is None:
        out.fail(f"there is no account {account_id}")
    names = [column.name for column in secrets.asked(account)]
    try:
        secrets.give(guard.at_shell(), account_id, _said(names))
    except (lines.BadLineError, signin.UnknownAccountError) as error:
        out.fail(f"the secret was not taken: {error}")


def _said(names: list[str]) -> dict[str, str]:
    """Return the secrets by name, each left empty staying as it is."""
    if sys.stdin.isatty():
        return {name: getpass.getpass(f"{name} (empty: as it was): ") for name in names}
    said = dict(line.rstrip("\n").partition("=")[::2] for line in sys.stdin)
    if unknown := sorted(set(said) - set(names)):
        out.fail(f"no secret is called {', '.join(unknown)}; there are {', '.join(names)}")
    return said


def _page(*, state: str, channel: str, cursor: str | None, limit: int) -> "read.Page":
    from menting.accounts import leases, read
    from menting.accounts.models import AccountState
    from menting.base import clock

    if state and state not in AccountState.values:
        raise typer.BadParameter(f"states are {', '.join(AccountState.values)}")
    leases.expire(now=clock.now())
    try:
        return read.items(state=state, channel=channel, cursor=cursor, limit=limit)
    except read.BadCursorError as error:
        out.fail(str(error))


def _ask(act: "Callable[[Actor, Any], object]", what: list[int] | int | None) -> None:
    """Write what is wanted; whoever keeps the accounts does it within a second."""
    from menting.accounts.signin import UnknownAccountError
    from menting.users import guard

    try:
        act(guard.at_shell(), what)
    except UnknownAccountError as error:
        out.fail(str(error))


def _sign_in(folder: Folder, asked: list[int]) -> "read.Progress":
    """Watch the program on the folder; without one, be it until all have settled."""
    from menting.cli import alone

    with _bar(len(asked)) as shown:
        try:
            return alone.run_alone(folder, _keep_until_settled(asked, shown))
        except TakenError:
            return asyncio.run(_watch(asked, shown))


async def _keep_until_settled(asked: list[int], shown: Shown) -> "read.Progress":
    from menting.base import lease
    from menting.workers.keeper import Keeper

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(Keeper(lease.holder_name()).run(stop), name="keeper")
        try:
            return await _watch(asked, shown)
        finally:
            stop.set()


async def _watch(asked: list[int], shown: Shown) -> "read.Progress":
    from menting.accounts import read
    from menting.workers import bridge

    moved_at, before = time.monotonic(), (-1, -1)
    while True:
        now = await bridge.call(read.progress, asked)
        shown(now)
        if not now.pending or time.monotonic() - moved_at > STALLED_SECONDS:
            return now
        if before != (now.live, len(now.failed)):
            moved_at, before = time.monotonic(), (now.live, len(now.failed))
        await asyncio.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Shown]:
    """Show a bar on stderr, and only to a person at a terminal."""
    columns = (TextColumn("Signing in"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=out.notes, disable=not out.notes.is_terminal, transient=True
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda now: bar.update(task, completed=total - len(now.pending))


def _told(end: "read.Progress", seconds: float) -> dict[str, Any]:
    lost = sorted([*end.failed, *end.pending], key=lambda one: one.id)
    return {
        "asked": end.asked,
        "live": end.live,
        "failed": [asdict(one) for one in lost],
        "seconds": seconds,
    }


def _show_signin(document: dict[str, Any]) -> None:
    out.console.print(
        f"{document['live']} of {document['asked']} accounts signed in, "
        f"in {document['seconds']} s."
    )
    failed = [(one["id"], one["handle"], one["reason"]) for one in document["failed"]]
    if failed:
        out.table(("id", "handle", "why not"), failed)


def _show_page(page: "read.Page") -> None:
    out.table(
        ("id", "channel", "handle", "state", "since", "reason"),
        [(*_named(one), _minute(one.since), one.reason) for one in page.items],
    )
    if page.next:
        out.notes.print(f"More with --cursor {page.next}")


def _named(one: "read.Item") -> tuple[object, ...]:
    return one.id, one.channel, one.handle, one.state


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _emit_one(account_id: int, done: str, json: bool) -> None:
    from menting.accounts import read

    item = read.one(account_id)
    document = asdict(item) if item else {"id": account_id}
    said = f"Account {account_id} is {done}."
    out.emit(document, json=json, human=lambda: out.console.print(said))
