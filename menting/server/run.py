"""The one process: web and workers in one TaskGroup, until SIGTERM ends them together."""

import asyncio
import contextlib
import gc
import ipaddress
import resource
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from django.core.asgi import get_asgi_application
from typing_extensions import override

from menting.base import config, lease
from menting.base.folder import Folder
from menting.server import epoch
from menting.server.asgi import Front
from menting.server.door import Spaces, open_door
from menting.server.health import Health
from menting.server.hooks import Hooks
from menting.visits.spool import Spool
from menting.workers import bridge, chores, keeper, roller, sender

log = structlog.get_logger(__name__)

#: Longest wait for open requests at the stop, in seconds; the whole stop takes below 10.
GRACE_SECONDS = 4


class CannotListenError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


class _Web(uvicorn.Server):
    """uvicorn under our own signals: SIGTERM ends all parts, not this one alone."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: config.Settings) -> socket.socket:
    """Return the listening socket. Raises CannotListenError before anything has started."""
    if not _is_loopback(settings.host) and not (
        settings.is_https or settings.insecure_bind
    ):
        raise CannotListenError(
            f"{settings.host} is reached by others, and public_url is not https: set "
            "public_url to https://… behind a proxy (docs/operating.md), "
            "or insecure_bind = true if you must"
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise CannotListenError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "choose another with --port"
        ) from error
    listener.listen(1024)
    return listener


async def serve(folder: Folder, listener: socket.socket) -> None:
    """Run everything until SIGTERM or SIGINT, or until one part fails."""
    _allow_many_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await _serve(folder, listener, stop)
    finally:
        bridge.close()


async def _serve(folder: Folder, listener: socket.socket, stop: asyncio.Event) -> None:
    await bridge.call(epoch.begin, folder)
    me = lease.holder_name()
    spool = Spool(folder.spool)
    spaces = Spaces()
    await spaces.refresh()
    sessions = keeper.Keeper(me)
    front = Front(
        door=open_door(folder, spool, spaces),
        health=Health({"visits": spool.trouble, "accounts": sessions.trouble}),
        hooks=Hooks(),
        django=get_asgi_application(),
        trusted_proxies=config.current().trusted_proxies,
    )
    web = _Web(_web_settings(front))
    # What is loaded by now stays: with it out of the collector's sight, thousands of
    # sign-ins cost a tenth less.
    gc.freeze()
    try:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(_web(web, listener, stop), name="web")
            parts.create_task(spaces.watch(stop), name="spaces")
            parts.create_task(sessions.run(stop), name="keeper")
            parts.create_task(sender.Sender(sessions, me).run(stop), name="sender")
            parts.create_task(roller.run(folder, spool, stop), name="roller")
            parts.create_task(chores.run(folder, stop), name="chores")
            log.info("ready", port=listener.getsockname()[1])
    finally:
        spool.close()


async def _web(web: _Web, listener: socket.socket, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as both:
        both.create_task(web.serve(sockets=[listener]), name="uvicorn")
        await stop.wait()
        web.should_exit = True


def _web_settings(front: Front) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,  # an address kept beside a visit would void its namelessness
        server_header=False,
        proxy_headers=False,  # the door and Django judge trusted_proxies themselves
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )


def _allow_many_files() -> None:
    """Raise our limit to what the system allows: each account holds a connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
