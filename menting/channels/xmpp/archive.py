"""The server's archive of an account's messages (XEP-0313): catch up, and look again."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple
from xml.etree.ElementTree import Element

import msgspec

from menting.base import clock
from menting.channels import base
from menting.channels.xmpp import xml
from menting.channels.xmpp.wire import Wire

PAGE = 100
#: How long an unknown outcome is looked for: Prosody and ejabberd keep a week and more.
KEPT = timedelta(hours=23)
#: The server's clock may be that much before ours.
SKEW = timedelta(minutes=10)
#: A conversation of more than this within `KEPT` is not looked through.
MOST_PAGES = 10


class Place(msgspec.Struct, frozen=True):
    """The resume token: the last message that is stored, and when it was.

    At the first sign-in there is only the time, that of the sign-in.
    """

    after: str = ""
    at: datetime | None = None


class Archived(NamedTuple):
    """One message as the archive holds it."""

    id: str
    message: Element
    delay: Element | None


class Page(NamedTuple):
    """Some messages in their order, and whether there are no more that way."""

    items: list[Archived]
    is_last: bool


class Archive:
    """The archive of one account; its results come in as messages of their own."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._pages: dict[str, list[Archived]] = {}

    def hear(self, stanza: Element) -> bool:
        """Tell whether a message is a result that was asked for, and keep it."""
        result = stanza.find(f"{{{xml.ARCHIVE}}}result")
        if result is None:
            return False
        page = self._pages.get(result.get("queryid", ""))
        forwarded = xml.part(result, (xml.FORWARD, "forwarded"))
        if page is not None and forwarded is not None:
            message = xml.plain(forwarded, "message")
            if message is not None:
                delay = xml.part(forwarded, (xml.DELAY, "delay"))
                page.append(Archived(result.get("id", ""), message, delay))
        return True

    async def since(self, place: Place) -> AsyncIterator[Page]:
        """Go on from a place, the oldest first; from its time when its message is gone.

        Raises Unreachable when the archive cannot be read now, and as `Wire.ask` does.
        """
        after = place.after
        while True:
            start = None if after else (place.at or clock.now()) - SKEW
            try:
                page = await self._ask(after=after, start=start)
            except base.Refused as error:
                if not after or str(error) != "item-not-found":
                    raise base.Unreachable(f"cannot read the archive: {error}") from error
                after = ""
                continue
            yield page
            if page.is_last or not page.items:
                return
            after = page.items[-1].id

    async def find(self, person: str, key: str) -> str:
        """Return the `origin-id` (XEP-0359) of a message to a person that begins so, or "".

        Raises Uncertain when so much was written since that it is not looked through.
        """
        before, start = "", clock.now() - KEPT
        for _ in range(MOST_PAGES):
            page = await self._ask(before=before, person=person, start=start)
            for item in page.items:
                if (known := _origin(item.message)).startswith(key):
                    return known
            if page.is_last or not page.items:
                return ""
            before = page.items[0].id
        raise base.Uncertain("too much was written since to look through")

    async def _ask(
        self,
        *,
        after: str | None = None,
        before: str | None = None,
        person: str = "",
        start: datetime | None = None,
    ) -> Page:
        known = uuid.uuid4().hex
        iq = xml.stanza(self._wire.space, "iq", type="set")
        query = xml.child(iq, xml.ARCHIVE, "query", queryid=known)
        fields = {"with": person, "start": f"{start:%Y-%m-%dT%H:%M:%SZ}" if start else ""}
        xml.form(query, xml.ARCHIVE, **{key: told for key, told in fields.items() if told})
        pages = xml.child(query, xml.PAGES, "set")
        xml.child(pages, xml.PAGES, "max", str(PAGE))
        if after:
            xml.child(pages, xml.PAGES, "after", after)
        if before is not None:
            xml.child(pages, xml.PAGES, "before", before)
        self._pages[known] = []
        try:
            told = await self._wire.ask(iq)
            end = told.find(f"{{{xml.ARCHIVE}}}fin")
            is_last = end is None or end.get("complete") == "true"
            return Page(self._pages[known], is_last)
        finally:
            del self._pages[known]


def _origin(message: Element) -> str:
    origin = message.find(f"{{{xml.IDS}}}origin-id")
    return (origin.get("id", "") if origin is not None else "") or message.get("id", "")
