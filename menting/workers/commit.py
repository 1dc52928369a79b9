"""Writes the steps of all lanes together, one transaction for what came meanwhile."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from menting.accounts import pace
from menting.campaigns import outbox
from menting.people import replies
from menting.people.outbound import Outbound, Outcome
from menting.workers import bridge


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A text is about to leave; false when it must not."""

    item: Outbound
    text: str


@dataclass(frozen=True, slots=True)
class Settle:
    """An outcome is known; false when the row was no longer ours."""

    item: Outbound
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class GiveBack:
    """It was claimed and will not be sent from here now."""

    item: Outbound


@dataclass(frozen=True, slots=True)
class Hold:
    """The platform asks this account to wait."""

    account_id: int
    until: datetime


Step = Dispatch | Settle | GiveBack | Hold


class Commit:
    """Takes steps from many lanes; each waits until its own is on disk."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._waiting: list[tuple[Step, asyncio.Future[bool]]] = []
        self._awake = asyncio.Event()

    async def write(self, step: Step) -> bool:
        """Return once the step is committed: whether it found its row as it must be.

        Raises what the database raised; then nothing of it is written. The step is
        written even if the caller is cancelled.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((step, done))
        self._awake.set()
        return bool(await done)

    async def run(self) -> None:
        """Write until cancelled. One writer: SQLite has one, and threads would wait."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            batch, self._waiting = self._waiting, []
            try:
                told = await bridge.whole(write_all, self._me, [step for step, _ in batch])
            except Exception as error:
                # Each lane hears of it, logs it, and stops: its leases run out.
                for _, done in batch:
                    _tell(done, error)
            else:
                for (_, done), was_good in zip(batch, told, strict=True):
                    _tell(done, was_good)


@transaction.atomic
def write_all(me: str, steps: Sequence[Step]) -> list[bool]:
    """Take the steps in one transaction; say of each if its row was as it must be."""
    leaving = [step for step in steps if isinstance(step, Dispatch) and not _is_reply(step)]
    ended = [step for step in steps if isinstance(step, Settle) and not _is_reply(step)]
    left = outbox.dispatch_all([(step.item, step.text) for step in leaving], me=me)
    settled = outbox.settle_all([(step.item, step.outcome) for step in ended], me=me)
    good: dict[Step, bool] = dict(zip(leaving, left, strict=True))
    good |= dict(zip(ended, settled, strict=True))
    # Holds last: an account's row comes after the ledger, as in `people.inbox`.
    for step in sorted(steps, key=lambda one: isinstance(one, Hold)):
        if step not in good:
            good[step] = _write(me, step)
    return [good[step] for step in steps]


def _is_reply(step: Dispatch | Settle) -> bool:
    return step.item.kind == "reply"


def _write(me: str, step: Step) -> bool:
    match step:
        case Dispatch(item, text):
            return replies.dispatch(item, text, me=me)
        case Settle(item, outcome):
            return replies.settle(item, outcome, me=me)
        case GiveBack(item):
            (replies if item.kind == "reply" else outbox).give_back([item], me=me)
        case Hold(account_id, until):
            pace.hold(account_id, until=until)
    return True


def _tell(done: asyncio.Future[bool], outcome: bool | Exception) -> None:
    if done.done():
        return  # the lane was cancelled meanwhile
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
