"""Stream management (XEP-0198): what the server took of ours, what we stored of its.

slixmpp's plugin asks before it writes what the question is to cover, and counts a stanza as
handled when it came in; here it counts once it is stored.
"""

import asyncio
from collections import deque
from xml.etree.ElementTree import Element

SPACE = "urn:xmpp:sm:3"
ENABLE = f"<enable xmlns='{SPACE}'/>"
ASK = f"<r xmlns='{SPACE}'/>"
#: Both sides count modulo this.
ROUND = 2**32

Taken = asyncio.Future[None]


class Acks:
    """The counters of one stream; at rest until the server agreed."""

    __slots__ = ("_asked", "_came_in", "_held", "_sent", "_told", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._sent = self._came_in = self._told = 0
        self._asked: deque[tuple[int, Taken]] = deque()
        #: Numbers of stanzas that came in and are not stored yet.
        self._held: deque[int] = deque()

    def start(self) -> None:
        """Count what is written from here on: the client has written `ENABLE`."""
        self._sent = 0

    def agree(self) -> None:
        """Count what comes in from here on: the server agreed."""
        self.is_on = True
        self._came_in = self._told = 0

    def count_sent(self, taken: Taken | None) -> None:
        """Count a stanza that is written now; `taken` is done when the server has it."""
        self._sent += 1
        if taken is not None:
            self._asked.append((self._sent, taken))

    def hear_ack(self, element: Element) -> None:
        """Settle all that the server has taken; a broken number says nothing."""
        counted = element.get("h", "")
        if not counted.isdecimal():
            return
        while self._asked and (int(counted) - self._asked[0][0]) % ROUND < ROUND // 2:
            _, taken = self._asked.popleft()
            if not taken.done():
                taken.set_result(None)

    def count_heard(self) -> None:
        """Count a stanza that came in."""
        self._came_in += 1

    def hold(self) -> None:
        """Keep the last one from being acknowledged until it is stored."""
        self._held.append(self._came_in)

    def let_go(self, count: int) -> None:
        """Let the oldest ones be acknowledged: they are stored."""
        for _ in range(min(count, len(self._held))):
            self._held.popleft()

    def answer(self) -> str:
        """Return the markup that says how many the server need not tell again."""
        self._told = self._stored()
        return f"<a xmlns='{SPACE}' h='{self._told % ROUND}'/>"

    def has_news(self) -> bool:
        """Tell whether more is stored than the server was last told."""
        return self.is_on and self._told != self._stored()

    def _stored(self) -> int:
        return self._held[0] - 1 if self._held else self._came_in
