"""All connections of this process to one server that takes mail, of whichever account."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from menting.channels.mail.line import Line, Login, open_line

#: Postfix takes 50 of one client and 100 of all, and large providers fewer: with more, the
#: accounts that sign in would wait for those that have nothing to send.
MOST_LINES = 40


class Trunk:
    """The bounded lines to one server; what is idle makes room for what is wanted."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_LINES)
        #: Each with what its outlet does when it is taken away; the longest idle first.
        self._idle: OrderedDict[Line, Callable[[], None]] = OrderedDict()

    async def open(self, login: Login, *, seconds: float) -> Line:
        """Wait for a place and sign in. Raises AuthFailed, Throttled and Unreachable."""
        if self._places.locked() and self._idle:
            _, take_away = self._idle.popitem(last=False)
            take_away()
        await self._places.acquire()
        try:
            return await open_line(login, seconds=seconds)
        except BaseException:
            self._places.release()
            raise

    def rest(self, line: Line, take_away: Callable[[], None]) -> None:
        """Note that a line is idle; `take_away` lets its outlet close it."""
        self._idle[line] = take_away

    def take(self, line: Line) -> None:
        """Note that a line is in use again."""
        self._idle.pop(line, None)

    def close(self, line: Line) -> None:
        """Close a line, once, and free its place."""
        self._idle.pop(line, None)
        line.hang_up()
        self._places.release()
