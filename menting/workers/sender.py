"""Sends what is due through the sessions held here: one serial lane an account.

One message of an account is under way at a time, so that a crash leaves at most one
unknown an account. Lanes of different accounts run side by side.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from menting.base import clock
from menting.base.meters import SENDS
from menting.channels import base
from menting.people.outbound import (
    Accepted,
    Later,
    Outbound,
    Outcome,
    Rejected,
    Skipped,
    Unknown,
)
from menting.workers import bridge, load
from menting.workers.commit import Commit, Dispatch, GiveBack, Hold, Settle
from menting.workers.load import Load

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.25
#: Between two turns: lanes that end one by one are started together.
LEAST_SECONDS = 0.05
#: Below the lease of 30 s, so that a slow answer is written before the row is taken away.
SEND_SECONDS = 20.0
#: On the wire at a time, over all accounts of this process.
MOST_AT_ONCE = 64
STOP_SECONDS = 4.0
#: A server that does not answer is left alone so long: no lane turns unknown by the row.
REST_AFTER_UNKNOWN = timedelta(seconds=5)
#: How often planned rows and campaigns that end are looked at.
TIDY_EVERY = timedelta(seconds=0.25)
#: How often leases and unknown outcomes are: each look takes the write lock for a moment.
RECOVER_EVERY = timedelta(seconds=2)


class Live(Protocol):
    """A session that may send now, and the channel it belongs to."""

    @property
    def channel(self) -> base.Channel:
        """Return the session's channel."""

    @property
    def session(self) -> base.Session:
        """Return the session."""


class Sessions(Protocol):
    """Whoever holds the sessions of this process: the keeper."""

    @property
    def sessions(self) -> Mapping[int, Live]:
        """Return the live sessions by account id, as they are at this moment."""

    def report(self, account_id: int, error: base.ChannelError) -> None:
        """Hear that the platform no longer accepts the account."""


class Sender:
    """Claims for the accounts held here, sends, and writes what became of it."""

    def __init__(self, keeper: Sessions, me: str) -> None:
        self._keeper, self._me = keeper, me
        self._commit = Commit(me)
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._rests_until: dict[int, datetime] = {}
        self._wire = asyncio.Semaphore(MOST_AT_ONCE)
        self._awake = asyncio.Event()
        self._stopping = False
        self._tidied_at = self._recovered_at = clock.now() - RECOVER_EVERY

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; then end between two messages, within a few seconds."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._commit.run(), name="commit")
            waking = group.create_task(self._wake_at(stop), name="stop")
            try:
                while not stop.is_set():
                    self._awake.clear()
                    await self._turn_safely(group)
                    await self._rest()
            finally:
                await self._end_lanes()
                waking.cancel()
                writing.cancel()

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._awake.set()

    async def _rest(self) -> None:
        await asyncio.sleep(LEAST_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), IDLE_SECONDS - LEAST_SECONDS)

    async def _turn_safely(self, group: asyncio.TaskGroup) -> None:
        now = clock.now()
        try:
            lanes = await bridge.call(self._look, self._free(now), now)
        except Exception:
            # The database is away or busy: what was claimed comes back with its lease.
            log.exception("the sender's turn failed")
            return
        for account_id, loads in lanes.items():
            self._start(group, account_id, loads)

    def _free(self, now: datetime) -> list[int]:
        return [
            account_id
            for account_id in self._keeper.sessions
            if account_id not in self._lanes
            and self._rests_until.get(account_id, now) <= now
        ]

    def _look(self, accounts: Sequence[int], now: datetime) -> Mapping[int, Sequence[Load]]:
        if now - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = now
            load.tidy(now)
        if now - self._recovered_at >= RECOVER_EVERY:
            self._recovered_at = now
            load.recover(now)
            again = load.take_unknown(self._me, self._keys(accounts), now=now)
            if again:
                return again
        return load.take(self._me, accounts, now=now) if accounts else {}

    def _keys(self, accounts: Sequence[int]) -> dict[int, base.Keys]:
        sessions = self._keeper.sessions
        return {pk: sessions[pk].channel.keys for pk in accounts if pk in sessions}

    def _start(
        self, group: asyncio.TaskGroup, account_id: int, loads: Sequence[Load]
    ) -> None:
        task = group.create_task(
            self._lane(account_id, loads), name=f"lane of account {account_id}"
        )
        self._lanes[account_id] = task
        task.add_done_callback(lambda _: self._end(account_id))

    def _end(self, account_id: int) -> None:
        del self._lanes[account_id]
        self._awake.set()

    async def _end_lanes(self) -> None:
        """Let each lane end what is on the wire; what takes too long becomes unknown."""
        self._stopping = True
        if not (lanes := set(self._lanes.values())):
            return
        _, late = await asyncio.wait(lanes, timeout=STOP_SECONDS)
        for lane in late:
            lane.cancel()
        if late:
            await asyncio.wait(late)

    async def _lane(self, account_id: int, loads: Sequence[Load]) -> None:
        left = list(loads)
        try:
            while left and self._may_send(account_id):
                if not await self._send(left.pop(0)):
                    break
            for one in left:
                await self._give_back(one)
        except Exception:
            # The rows that it held come back, or become unknown, with their lease.
            log.exception("a lane ended early", account=account_id)

    def _may_send(self, account_id: int) -> bool:
        return not self._stopping and account_id in self._keeper.sessions

    async def _give_back(self, one: Load) -> None:
        if one.is_dispatched:
            await self._settle(one.item, Unknown("not asked again yet"))
        else:
            await self._commit.write(GiveBack(one.item))

    async def _send(self, one: Load) -> bool:
        """Send one message; return whether the lane goes on."""
        if isinstance(one.text, Skipped):
            await self._settle(one.item, one.text)
            return True
        async with self._wire:  # before `dispatching`: nothing in that state stands in line
            if not one.is_dispatched and not await self._dispatch(one.item, one.text):
                await self._commit.write(GiveBack(one.item))
                return True
            outcome = await self._hand_over(one, one.text)
        if one.is_dispatched:
            outcome = _of_second_asking(outcome)
        if isinstance(outcome, Unknown):
            self._rests_until[one.item.account_id] = clock.now() + REST_AFTER_UNKNOWN
        await self._settle(one.item, outcome)
        return isinstance(outcome, Accepted | Rejected)

    async def _dispatch(self, item: Outbound, text: str) -> bool:
        return await self._commit.write(Dispatch(item, text))

    async def _settle(self, item: Outbound, outcome: Outcome) -> None:
        await asyncio.shield(self._commit.write(Settle(item, outcome)))
        live = self._keeper.sessions.get(item.account_id)
        channel = live.channel.name if live else "offline"
        SENDS.labels(channel, item.kind, type(outcome).__name__.lower()).inc()

    async def _hand_over(self, one: Load, text: str) -> Outcome:
        """Touch the network, and say what became of it."""
        item = one.item
        live = self._keeper.sessions.get(item.account_id)
        if live is None:
            return Later("the account went offline", clock.now())
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await _transmit(live.session, one, text)
        except base.ChannelError as error:
            return await self._outcome(item, error)
        except TimeoutError:
            return Unknown(f"no answer within {SEND_SECONDS:.0f} s")
        except asyncio.CancelledError:
            await self._settle(item, Unknown("the program stopped while it was sent"))
            raise
        except Exception as error:
            # A fault of ours or of a library: it may have left before.
            log.exception("a send failed", account=item.account_id, kind=item.kind)
            return Unknown(f"unexpected {type(error).__name__}")

    async def _outcome(self, item: Outbound, error: base.ChannelError) -> Outcome:
        now, reason = clock.now(), str(error) or type(error).__name__
        match error:
            case base.Throttled():
                until = now + timedelta(seconds=error.retry_after)
                if not error.of_peer:
                    await self._hold(item.account_id, until)
                return Later(reason, until)
            case base.AuthFailed():
                self._keeper.report(item.account_id, error)
                return Later(reason, now)
            case base.Refused(permanent=True):
                return Rejected(reason, withdraws=error.withdraws)
            case base.Unreachable() | base.Refused():
                return Later(reason, now)
            case _:
                return Unknown(reason)

    async def _hold(self, account_id: int, until: datetime) -> None:
        self._rests_until[account_id] = until
        await self._commit.write(Hold(account_id, until))


def _of_second_asking(outcome: Outcome) -> Outcome:
    """Return what is known of the first try: only a yes says anything of it."""
    if isinstance(outcome, Accepted | Unknown):
        return outcome
    return Unknown(f"asked again: {outcome.reason}")


async def _transmit(session: base.Session, one: Load, text: str) -> Accepted:
    item = one.item
    message = base.Outgoing(item.key, text, answers=item.answers, again=one.is_dispatched)
    is_wall = item.kind == "posting"
    receipt = await (session.post if is_wall else session.send)(item.peer, message)
    return Accepted(receipt.message_id, receipt.pending)
