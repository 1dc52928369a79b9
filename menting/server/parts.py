"""The parts that each role of a process runs, all in one TaskGroup."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from django.core.asgi import get_asgi_application

from menting.base import config, lease
from menting.base.folder import Folder
from menting.base.roles import Role
from menting.server.asgi import App, Front
from menting.server.door import Spaces, open_door
from menting.server.figures import Figures
from menting.server.health import Check, Health, Signs
from menting.server.hooks import Hooks
from menting.server.metrics import Metrics
from menting.visits.spool import Spool
from menting.workers import chores, ear, keeper, roller, sender

#: Without a roller in the process a segment ends so soon, for the roller beside to read.
SEGMENT_SECONDS = 1.0


@dataclass(slots=True)
class Parts:
    """What one process runs; whoever enters `ends` closes what was opened."""

    folder: Folder
    roles: frozenset[Role]
    stop: asyncio.Event
    group: asyncio.TaskGroup
    ends: ExitStack
    checks: dict[str, Check] = field(default_factory=dict)

    async def begin(self) -> App:
        """Start the parts of each role; return what answers requests."""
        spool = self._spool()
        if Role.KEEPER in self.roles:
            self._keep()
        if Role.ROLLER in self.roles:
            self._start("roller", roller.run(self.folder, spool, self.stop))
        if Role.CHORES in self.roles:
            self._start("chores", chores.run(self.folder, self.stop))
        health = Health(self.checks)
        metrics = Metrics(Figures(self.folder).count, token=_metrics_token())
        if spool is None:
            return Signs(health=health, metrics=metrics)
        return await self._front(spool, health, metrics)

    def _spool(self) -> Spool | None:
        """Return the spool of a process with the door, which alone writes to it."""
        if Role.WEB not in self.roles:
            return None
        spool = Spool(self.folder.spool)
        self.ends.callback(spool.close)
        self.checks["visits"] = spool.trouble
        if Role.ROLLER not in self.roles:
            self._start("segments", _end_segments(spool, self.stop))
        return spool

    def _keep(self) -> None:
        me = lease.holder_name()
        sessions = keeper.Keeper(me)
        self.checks["accounts"] = sessions.trouble
        self._start("keeper", sessions.run(self.stop))
        self._start("sender", sender.Sender(sessions, me).run(self.stop))
        self._start("ear", ear.listen(self.stop))

    async def _front(self, spool: Spool, health: Health, metrics: Metrics) -> App:
        spaces = Spaces()
        await spaces.refresh()
        self.checks["state"] = spaces.trouble
        self._start("spaces", spaces.watch(self.stop))
        return Front(
            door=open_door(self.folder, spool, spaces),
            health=health,
            metrics=metrics,
            hooks=Hooks(),
            django=get_asgi_application(),
            trusted_proxies=config.current().trusted_proxies,
        )

    def _start(self, name: str, part: Coroutine[Any, Any, None]) -> None:
        self.group.create_task(part, name=name)


def _metrics_token() -> str:
    return config.current().metrics_token.get_secret_value()


async def _end_segments(spool: Spool, stop: asyncio.Event) -> None:
    while not stop.is_set():
        spool.roll()
        try:
            await asyncio.wait_for(stop.wait(), SEGMENT_SECONDS)
        except TimeoutError:
            continue
