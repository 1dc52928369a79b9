"""What came in for one account and is not stored yet, in its order."""

import asyncio
from collections import deque
from typing import NamedTuple
from xml.etree.ElementTree import Element

from menting.channels import base
from menting.channels.xmpp import post, xml
from menting.channels.xmpp.post import Ids
from menting.channels.xmpp.reading import Reader

BATCH = 100


class Item(NamedTuple):
    """An event, and the place in the archive that follows it ("": none)."""

    event: base.Event
    place: str = ""


def read(stanza: Element, reader: Reader, ids: Ids) -> Item | None:
    """Return what a stanza tells; None for what concerns nobody."""
    if xml.name_of(stanza) == "presence":
        event = reader.presence(stanza)
        return Item(event) if event else None
    if stanza.get("type") == "error":
        event = post.bounced(stanza, ids)
        return Item(event) if event else None
    told = reader.message(stanza)
    return Item(*told) if told else None


class Inbox:
    """Items leave only when they are stored."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item."""
        self._items.append(item)
        self._news.set()

    def wake(self) -> None:
        """Let whoever waits look around."""
        self._news.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait for an item or a call to wake; tell whether one came in time."""
        if not self._items:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return False
        self._news.clear()
        return True

    def batch(self) -> list[Item]:
        """Return the oldest items, which stay."""
        return [self._items[number] for number in range(min(BATCH, len(self._items)))]

    def stored(self, count: int) -> None:
        """Let the oldest ones go."""
        for _ in range(count):
            self._items.popleft()
