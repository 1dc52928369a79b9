"""A process: its roles in one TaskGroup, until SIGTERM ends them together."""

import asyncio
import contextlib
import ipaddress
import resource
import signal
import socket
from collections.abc import Iterable, Iterator

import structlog
import uvicorn
from typing_extensions import override

from menting.base import collector, config
from menting.base.folder import Folder
from menting.base.roles import ALL, Role
from menting.server import epoch
from menting.server.asgi import App
from menting.server.parts import Parts
from menting.workers import bridge

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


async def serve(
    folder: Folder, listener: socket.socket | None, roles: Iterable[Role] = ALL
) -> None:
    """Run the roles until SIGTERM or SIGINT, or until one part fails."""
    _allow_many_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await bridge.call(epoch.begin, folder)
        await _serve(folder, listener, frozenset(roles), stop)
    finally:
        bridge.close()


async def _serve(
    folder: Folder,
    listener: socket.socket | None,
    roles: frozenset[Role],
    stop: asyncio.Event,
) -> None:
    with contextlib.ExitStack() as ends:
        async with asyncio.TaskGroup() as group:
            app = await Parts(folder, roles, stop, group, ends).begin()
            collector.spare()
            if listener is None:
                log.info("ready", roles=sorted(roles))
                return
            group.create_task(_web(_Web(_web_settings(app)), listener, stop), name="web")
            log.info("ready", roles=sorted(roles), port=listener.getsockname()[1])


async def _web(web: _Web, listener: socket.socket, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as both:
        both.create_task(web.serve(sockets=[listener]), name="uvicorn")
        await stop.wait()
        web.should_exit = True


def _web_settings(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
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
