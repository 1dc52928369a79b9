"""Keeps the wanted accounts live: leases them, opens their sessions, and lets them go."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from menting.accounts import bell, leases
from menting.accounts.leases import Taken
from menting.base import clock, lease
from menting.channels import base, registry
from menting.people import inbox
from menting.workers import bridge
from menting.workers.attempt import Attempt, Desk, LiveSession, Receive
from menting.workers.journal import Journal
from menting.workers.readiness import Readiness

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
#: Between two looks, however often the bell rings.
LEAST_SECONDS = 0.05
STOP_SECONDS = 3.0
#: Leases taken in one turn, so that the write lock is short.
MOST_TAKEN = 500


@dataclass(frozen=True, slots=True)
class _Look:
    """What the accounts' rows say to this keeper."""

    #: None: all that it has, and nothing else.
    held: set[int] | None
    nudged: list[int] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)


class Keeper:
    """Holds the sessions of one process; another process has a keeper of its own."""

    def __init__(
        self,
        me: str,
        *,
        receive: Receive = inbox.receive,
        channel_of: Callable[[str], base.Channel] = registry.get,
    ) -> None:
        self._me = me
        self._channels: dict[str, base.Channel] = {}
        self._channel_of = channel_of
        self._desk = Desk(receive, self._channel, Journal(me), Readiness(me))
        self._attempts: dict[int, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._renewed_at: datetime | None = None
        self._trouble = ""

    @property
    def sessions(self) -> dict[int, LiveSession]:
        """Return what may send now, by account id; changes as sessions come and go."""
        return self._desk.sessions

    def trouble(self) -> str:
        """Return what keeps the keeper from its work; empty when nothing does."""
        return self._trouble

    def report(self, account_id: int, error: base.ChannelError) -> None:
        """Hear from a sender how the platform refused: AuthFailed ends the session."""
        attempt = self._attempts.get(account_id)
        if attempt is not None and isinstance(error, base.AuthFailed):
            attempt.refuse(error)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep every wanted account live until `stop`; then bring all offline in 5 s."""
        loop = asyncio.get_running_loop()
        deaf = bell.hear(lambda: loop.call_soon_threadsafe(self._awake.set))
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._desk.journal.run(), name="journal")
                try:
                    await self._watch(group, stop)
                finally:
                    await self._end_all()
                    writing.cancel()
        finally:
            deaf()
            for channel in self._channels.values():
                await channel.aclose()
            self._channels.clear()

    async def _watch(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        stopping = group.create_task(stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: self._awake.set())
        try:
            while not stop.is_set():
                self._awake.clear()
                await self._turn_safely(group)
                if not stop.is_set():
                    await asyncio.sleep(LEAST_SECONDS)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._awake.wait(), LOOK_SECONDS)
        finally:
            stopping.cancel()

    async def _turn_safely(self, group: asyncio.TaskGroup) -> None:
        try:
            await self._turn(group)
            self._trouble = ""
        except Exception as error:
            # The database is away or busy: the sessions go on as long as the leases do.
            self._trouble = f"accounts cannot be read ({type(error).__name__})"
            log.exception("the keeper's look at the accounts failed")
            self._end_unleased()

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        mine = (len(self._attempts), sum(self._attempts))
        told = await bridge.call(self._look, clock.now(), mine)
        if told.held is not None:
            await self._compare(told.held)
        for account_id in told.nudged:
            if live := self.sessions.get(account_id):
                live.session.nudge()
        for taken in told.taken:
            self._start(taken, group)
        if len(told.taken) == MOST_TAKEN:
            self._awake.set()

    def _look(self, now: datetime, mine: tuple[int, int]) -> _Look:
        """Renew, and return what changed. At rest it reads two indexes and no row."""
        if self._renewed_at is None or now - self._renewed_at >= lease.RENEW_EVERY:
            leases.expire(now=now)
            leases.renew(self._me, now=now)
            self._renewed_at = now
        held = None if leases.tally(self._me) == mine else leases.held(self._me)
        nudged = leases.take_nudges(self._me)
        if not leases.has_free(self._me, now=now):
            return _Look(held, nudged)
        return _Look(held, nudged, leases.take(self._me, now=now, limit=MOST_TAKEN))

    async def _compare(self, held: set[int]) -> None:
        """End what is no longer held, and give back what is held for nothing."""
        for account_id, attempt in self._attempts.items():
            if account_id not in held:
                attempt.cancel()
        # The end of such an attempt could not be written: it would be renewed for ever.
        if left := held - self._attempts.keys():
            await bridge.call(leases.give_back, self._me, left)

    def _start(self, taken: Taken, group: asyncio.TaskGroup) -> None:
        self._desk.setbacks.of(taken.channel, taken.host).see(taken.id)
        attempt = Attempt(self._desk, taken)
        self._attempts[taken.id] = attempt
        task = attempt.start(group)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(attempt, done))

    def _forget(self, attempt: Attempt, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        # An ended account may have been taken anew before its old task was done.
        if self._attempts.get(attempt.account_id) is attempt:
            del self._attempts[attempt.account_id]

    def _channel(self, name: str) -> base.Channel:
        if name not in self._channels:
            self._channels[name] = self._channel_of(name)
        return self._channels[name]

    def _end_unleased(self) -> None:
        """End all once the leases have run out: another keeper may have them now."""
        if self._renewed_at and clock.now() - self._renewed_at >= lease.LEASE:
            self._cancel_all()

    def _cancel_all(self) -> None:
        for attempt in self._attempts.values():
            attempt.cancel()

    async def _end_all(self) -> None:
        self._cancel_all()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=STOP_SECONDS)
        await bridge.call(leases.release, self._me, now=clock.now())
