"""One account's attempt: from the lease through sign-in and session to how it ended."""

import asyncio
import contextlib
import random
import traceback
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from menting.accounts import state, vault
from menting.accounts.models import AccountState
from menting.accounts.state import Mark, Ready, Renewed, Resume
from menting.base import clock, crypto
from menting.channels import base
from menting.workers import bridge
from menting.workers.journal import Journal

log = structlog.get_logger(__name__)

OPEN_SECONDS = 60.0
CLOSE_SECONDS = 2.0
#: Full jitter between these, doubled with each failure in a row.
LEAST_WAIT, MOST_WAIT = 1.0, 60.0
#: A session that lived this long in seconds was a success: the next failure is the first.
STEADY_SECONDS = 60.0
#: Sign-ins under way at a time, in all and at one host (Synapse takes 71 to 135 a second).
GATE, GATE_OF_HOST = 64, 16

#: The vault cannot open the secret: an operator must act.
_LOCKED = crypto.CannotOpenError | vault.KeyMissingError
_dice = random.SystemRandom()


class Receive(Protocol):
    """Stores events with the resume token after them in one transaction."""

    def __call__(self, *, account_id: int, events: list[base.Event], resume: bytes) -> None:
        """Return once all is committed."""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that may send now, and the channel it belongs to."""

    channel: base.Channel
    session: base.Session


class Gate:
    """Lets only so many sign in at a time, so that no host takes it for an attack."""

    def __init__(self, total: int = GATE, of_host: int = GATE_OF_HOST) -> None:
        self._all = asyncio.Semaphore(total)
        self._hosts: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(of_host)
        )

    @contextlib.asynccontextmanager
    async def passed(self, host: str) -> AsyncIterator[None]:
        """Wait for a place; first at the host, so that a slow one holds no other up."""
        async with self._hosts[host], self._all:
            yield


@dataclass(frozen=True, slots=True)
class Desk:
    """What all attempts of one keeper share."""

    me: str
    receive: Receive
    channel_of: Callable[[str], base.Channel]
    journal: Journal
    gate: Gate = field(default_factory=Gate)
    sessions: dict[int, LiveSession] = field(default_factory=dict)


class _LeaseLostError(Exception):
    """Another keeper has the account, or nobody wants it any more."""


class Attempt:
    """Holds one session until it ends, whoever ends it, and writes how it ended."""

    def __init__(self, desk: Desk, account_id: int) -> None:
        self.account_id = account_id
        #: Nothing is left to be cancelled: only the end is still to be written.
        self.is_ending = False
        self._desk = desk
        self._failures = 0
        self._refusal: base.AuthFailed | None = None
        self._live_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> "asyncio.Task[None]":
        """Begin, as a task of `group` that never fails and so hurts no other."""
        self._task = group.create_task(self._run(), name=f"account {self.account_id}")
        return self._task

    def cancel(self) -> None:
        """End the session: it is not wanted, or no longer ours."""
        if self._task is not None and not self.is_ending:
            self._task.cancel()

    def refuse(self, error: base.AuthFailed) -> None:
        """End the session because a send learned that the secret is not accepted."""
        self._refusal = error
        self.cancel()

    async def _run(self) -> None:
        end = await self._end()
        try:
            await self._desk.journal.write(end)
        except Exception as error:
            # The lease runs out by itself; another attempt follows then.
            _log_unexpected("the end of a session was not written", self.account_id, error)

    async def _end(self) -> Mark:
        try:
            await self._live()
        except asyncio.CancelledError:
            _forget_cancelling()
            return self._mark_of(self._refusal) if self._refusal else self._offline()
        except _LeaseLostError:
            return self._offline()
        except Exception as error:
            return self._mark_of(error)
        finally:
            self.is_ending = True
        return self._mark_of(base.Unreachable("the platform ended the session"))

    async def _live(self) -> None:
        ready = await bridge.call(state.ready, self._desk.me, self.account_id)
        if ready is None:
            raise _LeaseLostError
        self._failures = ready.failures
        channel = self._desk.channel_of(ready.channel)
        session = await self._open(channel, ready)
        try:
            await self._hold(channel, session, ready.resume)
        finally:
            self._desk.sessions.pop(self.account_id, None)
            await self._close(session)

    async def _open(self, channel: base.Channel, ready: Ready) -> base.Session:
        await self._mark(AccountState.CONNECTING)
        host = channel.host(ready.account.handle, ready.account.options)
        async with self._desk.gate.passed(f"{channel.name} {host}"):
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    return await channel.open(ready.account, self._keep)
            except TimeoutError as error:
                raise base.Unreachable("the sign-in took too long") from error

    async def _hold(
        self, channel: base.Channel, session: base.Session, resume: bytes
    ) -> None:
        await self._mark(AccountState.ONLINE)
        self._live_since = asyncio.get_running_loop().time()
        self._desk.sessions[self.account_id] = LiveSession(channel, session)
        await session.listen(self._deliver, resume)

    async def _close(self, session: base.Session) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await session.close()
        except Exception as error:
            # It is given up either way; how it ended is told by the session's own error.
            _log_unexpected("a session did not close", self.account_id, error)

    async def _deliver(self, events: list[base.Event], resume: bytes) -> None:
        if events:
            await bridge.whole(
                self._desk.receive, account_id=self.account_id, events=events, resume=resume
            )
        else:
            await self._desk.journal.write(Resume(self.account_id, resume))

    async def _keep(self, secret: Mapping[str, str]) -> None:
        await self._desk.journal.write(Renewed(self.account_id, secret))

    async def _mark(self, new: AccountState) -> None:
        await self._desk.journal.write(Mark(self.account_id, new, failures=self._failures))

    def _offline(self) -> Mark:
        return Mark(self.account_id, AccountState.OFFLINE, ends=True)

    def _mark_of(self, error: Exception) -> Mark:
        if isinstance(error, base.AuthFailed):
            new = AccountState.BANNED if error.banned else AccountState.NEEDS_AUTH
            return Mark(self.account_id, new, _reason(error), ends=True)
        if isinstance(error, _LOCKED):
            return Mark(self.account_id, AccountState.NEEDS_AUTH, _reason(error), ends=True)
        if not isinstance(error, base.ChannelError):
            _log_unexpected("a session failed", self.account_id, error)
        return self._back_off(error)

    def _back_off(self, error: Exception) -> Mark:
        failures = 1 if self._was_steady() else self._failures + 1
        wait = wait_seconds(failures)
        if isinstance(error, base.Throttled):
            wait += error.retry_after
        return Mark(
            self.account_id,
            AccountState.BACKOFF,
            _reason(error),
            retry_at=clock.now() + timedelta(seconds=wait),
            failures=failures,
            ends=True,
        )

    def _was_steady(self) -> bool:
        if self._live_since is None:
            return False
        return asyncio.get_running_loop().time() - self._live_since >= STEADY_SECONDS


def wait_seconds(failures: int) -> float:
    """Return how long to wait after so many failures in a row: full jitter, 1 to 60 s.

    Jitter spreads the accounts of a host that came back, which all failed together.
    """
    return _dice.uniform(LEAST_WAIT, min(MOST_WAIT, 2.0 ** min(failures, 6)))


def _reason(error: Exception) -> str:
    """Return what people are shown: a channel's own words, of other errors the kind."""
    if isinstance(error, base.ChannelError | _LOCKED):
        return " ".join(str(error).split()) or type(error).__name__
    return f"unexpected {type(error).__name__}, see the log"


def _log_unexpected(event: str, account_id: int, error: Exception) -> None:
    """Log the kind and place of an error; its text may hold what was sent, so not that."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno}" for frame in frames[-3:]]
    log.error(event, account=account_id, error=type(error).__name__, where=where)


def _forget_cancelling() -> None:
    """Let the task await again: it was cancelled to end the session, which follows."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
