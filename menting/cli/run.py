"""`menting run`: the program itself, until it is told to stop."""

import asyncio
import os
from typing import Annotated

import typer
import uvloop

from menting.base import config
from menting.base.folder import Lock, TakenError
from menting.base.roles import ALL, Role
from menting.cli import out, ready


def run(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port.")] = None,
    only: Annotated[
        list[Role] | None,
        typer.Option("--only", help="A role of this process; again for more. All without."),
    ] = None,
) -> None:
    """Run the program: pages, sessions, sending and visits, in one process."""
    _override(host, port)
    roles = tuple(only or ALL)
    folder = ready.folder()
    folder.prepare()
    try:
        with Lock(folder, roles, is_shared=config.current().is_postgres):
            # Without pages a process listens only where it is told to, for its health.
            _run_locked(roles, listens=Role.WEB in roles or port is not None)
    except TakenError as error:
        out.fail(str(error))


def _override(host: str | None, port: int | None) -> None:
    if host is not None:
        os.environ["MENTING_HOST"] = host
    if port is not None:
        os.environ["MENTING_PORT"] = str(port)
        os.environ.setdefault("MENTING_PUBLIC_URL", f"http://localhost:{port}")
    config.current.cache_clear()


def _run_locked(roles: tuple[Role, ...], *, listens: bool) -> None:
    settings = config.current()
    folder = ready.database(make=True)
    from menting.server import logs
    from menting.server import run as server

    logs.configure(settings.log_level)
    try:
        listener = server.listen(settings) if listens else None
    except server.CannotListenError as error:
        out.fail(str(error))
    if Role.WEB in roles:
        _greet(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(folder, listener, roles))


def _greet(settings: config.Settings) -> None:
    """Say where the program is, and print a sign-in link while there is no owner."""
    from menting.cli import init
    from menting.users.models import Role, User

    out.notes.print(f"Menting 门庭: {settings.public_url}")
    if not User.objects.filter(role=Role.OWNER).exists():
        out.notes.print("Sign in once, within a day, by this link:")
        out.notes.print(init.owner_link(init.FIRST_OWNER), soft_wrap=True)
