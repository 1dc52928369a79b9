"""What the door is given from above: the spaces it records for, and its keys."""

import asyncio
from zoneinfo import ZoneInfo

import structlog
from django.db import Error

from menting.base import config, crypto
from menting.base.folder import Folder
from menting.spaces import read as spaces_read
from menting.users import house
from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Snapshot, SpaceSeen
from menting.workers import bridge

log = structlog.get_logger(__name__)

#: A new space is known to the door after this many seconds at most.
REFRESH_SECONDS = 1.0


class Spaces:
    """The spaces as the door sees them, read again each second."""

    def __init__(self) -> None:
        self._now = Snapshot(spaces={}, house_zone=ZoneInfo("UTC"))
        self._trouble = ""

    def __call__(self) -> Snapshot:
        """Return the last snapshot."""
        return self._now

    def trouble(self) -> str:
        """Return why the state cannot be read; empty when it can."""
        return self._trouble

    async def refresh(self) -> None:
        """Read the spaces now."""
        self._now = await bridge.call(_snapshot)

    async def watch(self, stop: asyncio.Event) -> None:
        """Read the spaces each second until `stop`; the last ones stay while it fails."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), REFRESH_SECONDS)
            except TimeoutError:
                await self._refresh_safely()

    async def _refresh_safely(self) -> None:
        try:
            await self.refresh()
            self._trouble = ""
        except Error as error:
            # The database is away: visits are kept all the same.
            self._trouble = f"the state cannot be read ({type(error).__name__})"
            log.exception("the spaces were not read")


def open_door(folder: Folder, spool: Spool, spaces: Spaces) -> Door:
    """Return the door over this folder's spool."""
    return Door(
        spool=spool,
        spaces=spaces,
        key=crypto.derive(folder.key("house"), "visits"),
        trusted_proxies=config.current().trusted_proxies,
    )


def _snapshot() -> Snapshot:
    seen = {
        row.slug: SpaceSeen(
            id=row.id,
            slug=row.slug,
            origins=frozenset(row.origins),
            zone=ZoneInfo(row.time_zone),
        )
        for row in spaces_read.snapshot()
    }
    return Snapshot(spaces=seen, house_zone=house.zone())
