"""One account's attempt: from the lease through sign-in and session to how it ended."""

import asyncio
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from menting.accounts.leases import Taken
from menting.accounts.models import AccountState
from menting.accounts.state import Locked, Mark, Past, Renewed, Resume
from menting.base import clock
from menting.channels import base
from menting.workers import bridge, setback
from menting.workers.gate import Gate
from menting.workers.journal import Journal
from menting.workers.readiness import Readiness
from menting.workers.setback import Lived, Setbacks

log = structlog.get_logger(__name__)

OPEN_SECONDS = 60.0
CLOSE_SECONDS = 2.0


class Receive(Protocol):
    """Stores events with the resume token after them in one transaction."""

    def __call__(self, *, account_id: int, events: list[base.Event], resume: bytes) -> None:
        """Return once all is committed."""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that may send now, and the channel it belongs to."""

    channel: base.Channel
    session: base.Session


@dataclass(frozen=True, slots=True)
class Desk:
    """What all attempts of one keeper share."""

    receive: Receive
    channel_of: Callable[[str], base.Channel]
    journal: Journal
    readiness: Readiness
    gate: Gate = field(default_factory=Gate)
    setbacks: Setbacks = field(default_factory=Setbacks)
    sessions: dict[int, LiveSession] = field(default_factory=dict)


class _LeaseLostError(Exception):
    """Another keeper has the account, or nobody wants it any more."""


class Attempt:
    """Holds one session until it ends, whoever ends it, and writes how it ended."""

    # Thousands of them live side by side.
    __slots__ = (
        *("account_id", "is_ending", "_desk", "_taken", "_past", "_refusal"),
        *("_live_since", "_task", "__weakref__"),
    )

    def __init__(self, desk: Desk, taken: Taken) -> None:
        self.account_id = taken.id
        #: Nothing is left to be cancelled: only the end is still to be written.
        self.is_ending = False
        self._desk, self._taken = desk, taken
        self._past = Past()
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
            # The keeper finds the lease without an attempt, and gives it back.
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
        channel = self._desk.channel_of(self._taken.channel)
        session, resume = await self._open(channel)
        try:
            await self._hold(channel, session, resume)
        finally:
            self._desk.sessions.pop(self.account_id, None)
            await self._close(session)

    async def _open(self, channel: base.Channel) -> tuple[base.Session, bytes]:
        host = self._taken.host or channel.name
        async with self._desk.gate.passed(channel.name, host, channel.starts):
            # Only now is the secret opened: thousands may have to wait before the gate.
            ready = await self._desk.readiness.of(self.account_id)
            if ready is None:
                raise _LeaseLostError
            self._past = ready.past
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    return await channel.open(ready.account, self._keep), ready.resume
            except TimeoutError as error:
                raise base.Unreachable("the sign-in took too long") from error

    async def _hold(
        self, channel: base.Channel, session: base.Session, resume: bytes
    ) -> None:
        caps = _words(session.caps)
        online = Mark(self.account_id, AccountState.ONLINE, past=self._past, caps=caps)
        await self._desk.journal.write(online)
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

    def _offline(self) -> Mark:
        return Mark(self.account_id, AccountState.OFFLINE, ends=True)

    def _mark_of(self, error: Exception) -> Mark:
        if isinstance(error, base.AuthFailed):
            new = AccountState.BANNED if error.banned else AccountState.NEEDS_AUTH
            return Mark(self.account_id, new, _reason(error), ends=True)
        if isinstance(error, Locked):
            return Mark(self.account_id, AccountState.NEEDS_AUTH, _reason(error), ends=True)
        if not isinstance(error, base.ChannelError):
            _log_unexpected("a session failed", self.account_id, error)
        return self._back_off(error)

    def _back_off(self, error: Exception) -> Mark:
        lived = Lived(clock.now(), self._live_seconds())
        host = self._desk.setbacks.of(self._taken.channel, self._taken.host)
        told = host.judge(self.account_id, lived, self._past)
        wait, reason = told.wait, _reason(error)
        if isinstance(error, base.Throttled):
            wait += error.retry_after
        if told.rests:
            reason = f"{_RESTS}; last: {reason}"
        return Mark(
            self.account_id,
            AccountState.BACKOFF,
            reason,
            retry_at=lived.at + timedelta(seconds=wait),
            past=told.past,
            rests=told.rests,
            ends=True,
        )

    def _live_seconds(self) -> float | None:
        if self._live_since is None:
            return None
        return asyncio.get_running_loop().time() - self._live_since


_RESTS = (
    f"rests, since it was lost {setback.FLAPS} times within "
    f"{setback.FLAP_TIME.total_seconds() / 60:.0f} minutes, each soon after it came online"
)


def _words(caps: base.Cap) -> str:
    return " ".join(cap.name.lower() for cap in caps if cap.name)


def _reason(error: Exception) -> str:
    """Return what people are shown: a channel's own words, of other errors the kind."""
    if isinstance(error, base.ChannelError | Locked):
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
