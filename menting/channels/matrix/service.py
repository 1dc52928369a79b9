"""What the accounts of one application service share: who is in which room, one heart."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from menting.channels import base

#: How often the homeserver is asked whether it is there, once for all accounts.
HEART_SECONDS = 5.0
#: After an account came up for the first time, pushes wait so long for the next one.
SETTLE_SECONDS = 1.5
#: Questions to the homeserver at a time while rooms are counted.
AT_ONCE = 8
#: Ids of events remembered, so that a push repeated counts nobody twice.
REMEMBERED = 2_000


class Service:
    """One application service in one process, which holds all of its accounts.

    Members are not listed: rooms are known from what each account is in itself, and from
    what was pushed of the accounts' own coming and going.
    """

    def __init__(self) -> None:
        self.asking = asyncio.Semaphore(AT_ONCE)
        self._own: dict[str, set[str]] = {}
        #: Accounts that left, and the transaction that said so: it may be pushed again.
        self._left: dict[tuple[str, str], str] = {}
        self._joined: dict[str, int] = {}
        self._counted: deque[str] = deque(maxlen=REMEMBERED)
        self._to_count: dict[str, deque[str]] = {}
        self._invited: dict[str, list[str]] = {}
        self._catching: dict[tuple[str, str], bool] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._heart: asyncio.Task[None] | None = None
        self._settles_at = 0.0

    # What a session tells.

    def learn(self, handle: str, rooms: list[str]) -> None:
        """Hear in which rooms an account is, as the homeserver told it."""
        if handle not in self._to_count:
            self._settles_at = time.monotonic() + SETTLE_SECONDS
        for room in rooms:
            self.enter(handle, room)
        self._to_count[handle] = deque(room for room in rooms if room not in self._joined)

    def count(self, room: str, joined: int) -> None:
        """Hear how many are in a room."""
        self._joined[room] = joined

    def to_count(self, handle: str) -> str | None:
        """Return a room of the account whose people are not counted, until none is left."""
        rooms = self._to_count.get(handle, ())
        while rooms:
            if (room := rooms.popleft()) not in self._joined:
                return room
        return None

    def invited(self, handle: str) -> list[str]:
        """Return the rooms to which the account was invited; `answered` forgets them."""
        return list(self._invited.get(handle, ()))

    def answered(self, handle: str, rooms: list[str]) -> None:
        """Forget invitations that the session has stored."""
        left = [room for room in self._invited.get(handle, ()) if room not in rooms]
        self._invited[handle] = left

    def catch_up(self, handle: str, room: str) -> None:
        """Let the session fetch what is said in a room, and tell nothing of it here."""
        self._catching[handle, room] = False

    def has_caught_up(self, handle: str, room: str) -> bool:
        """End that unless something was pushed since `catch_up`: then it goes on."""
        if self._catching.get((handle, room)):
            return False
        self._catching.pop((handle, room), None)
        self.enter(handle, room)
        return True

    def give_up(self, handle: str, room: str) -> None:
        """End that without having come in."""
        self._catching.pop((handle, room), None)

    async def news(
        self, handle: str, beat: Callable[[], Awaitable[object]], *, seconds: float | None
    ) -> None:
        """Wait until there is something to do, or `seconds`. Raises what `beat` raised."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[handle] = waiting
        if self._heart is None or self._heart.done():
            self._heart = asyncio.create_task(self._beat(beat), name="heart")
        await asyncio.wait({waiting}, timeout=seconds)
        if self._waiting.get(handle) is waiting:
            del self._waiting[handle]
        if waiting.done():
            waiting.result()

    # What a push tells.

    @property
    def is_settled(self) -> bool:
        """Say whether the accounts that are to come up have come up, as far as is known."""
        return bool(self._to_count) and time.monotonic() >= self._settles_at

    def has(self, handle: str) -> bool:
        """Say whether a session of the account has lived in this process."""
        return handle in self._to_count

    def hearers(self, room: str, txn: str) -> list[str]:
        """Return the accounts that are to be told what happened in a room.

        Not those whose session fetches it itself, which hears that there is more.
        """
        found = []
        for handle in sorted(self._own.get(room, ())):
            if self._left.get((handle, room), txn) != txn:
                continue
            if (handle, room) in self._catching:
                self._catching[handle, room] = True
            else:
                found.append(handle)
        return found

    def invite(self, handle: str, room: str) -> None:
        """Note an invitation, and wake the session."""
        rooms = self._invited.setdefault(handle, [])
        if room not in rooms:
            rooms.append(room)
        self._wake(handle)

    def enter(self, handle: str, room: str) -> None:
        """Note that an account is in a room."""
        self._own.setdefault(room, set()).add(handle)
        self._left.pop((handle, room), None)

    def leave(self, handle: str, room: str, txn: str) -> None:
        """Note that an account is in a room no more, from the next transaction on."""
        self._left.setdefault((handle, room), txn)

    def audience(self, room: str) -> int | None:
        """Return how many are there beside an account; None until a session has asked."""
        joined = self._joined.get(room)
        if joined is not None:
            return max(0, joined - 1)
        for handle in self._own.get(room, ()):
            self._to_count[handle].appendleft(room)
            self._wake(handle)
        return None

    def came(self, room: str, event_id: str) -> None:
        """Count one more person in a room."""
        if room in self._joined and event_id not in self._counted:
            self._counted.append(event_id)
            self._joined[room] += 1

    def went(self, room: str, event_id: str) -> None:
        """Count a room anew: one too few would make a dialogue of a group."""
        if event_id not in self._counted:
            self._counted.append(event_id)
            self._joined.pop(room, None)

    def close(self) -> None:
        """Let the heart stand still."""
        if self._heart is not None:
            self._heart.cancel()

    def _wake(self, handle: str) -> None:
        waiting = self._waiting.get(handle)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _beat(self, beat: Callable[[], Awaitable[object]]) -> None:
        while self._waiting:
            await asyncio.sleep(HEART_SECONDS)
            try:
                await beat()
            except base.ChannelError as error:
                for waiting in self._waiting.values():
                    if not waiting.done():
                        waiting.set_exception(error)
                return
