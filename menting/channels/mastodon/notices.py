"""What a server's notifications say of people: who mentioned the account, who follows."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog

from menting.channels import base
from menting.channels.base import EventType
from menting.channels.mastodon import text
from menting.channels.mastodon.wire import Wire

log = structlog.get_logger(__name__)

#: The others (favourites, boosts, polls) open no conversation. Nobody is told of an
#: unfollowing or of a block: there is no such notification.
TYPES = ("mention", "follow", "follow_request")
#: Mastodon gives 80 at most, before 4.1 it gave 30.
PAGE_LIMIT = 80
#: A shorter page is the last one; the least that any version gives is 15.
FULL_PAGE = 15
#: A mention that others can read as well, as a `Peer.id`: "public:@lin@example.org".
PUBLIC = "public:"
#: Taken where nobody counts the readers: a public status is no dialogue.
UNKNOWN_AUDIENCE = 3
_NEXT_PLACE = re.compile(r'[?&]min_id=([^&>]+)[^>]*>\s*;\s*rel="?prev')


class Person(msgspec.Struct, frozen=True):
    """An account as a server names it: `acct` lacks the host when it is the server's."""

    acct: str
    display_name: str = ""
    avatar: str | None = None


class Named(msgspec.Struct, frozen=True):
    """Somebody whom a status mentions."""

    acct: str


class Status(msgspec.Struct, frozen=True):
    """A status that mentions the account."""

    id: str
    visibility: str
    content: str
    spoiler_text: str = ""
    mentions: list[Named] = []


class Notice(msgspec.Struct, frozen=True):
    """One notification."""

    id: str
    type: str
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    account: Person
    status: Status | None = None


class Notices:
    """The notifications of one account, oldest first."""

    def __init__(self, wire: Wire, handle: str) -> None:
        self._wire, self._me = wire, handle
        self._host = handle.rpartition("@")[2]

    async def newest(self) -> str:
        """Return the id of the newest; what is older was not said to Menting's account."""
        told, _ = await self._wire.many("/api/v1/notifications", query={"limit": "1"})
        ids = [item["id"] for item in told if _has_id(item)]
        return ids[0] if ids else "0"

    async def pull(self, place: str, deliver: base.Deliver) -> str:
        """Deliver all after `place`, a page at a time, and return the place after them."""
        while True:
            told, answer = await self._wire.many(
                "/api/v1/notifications", query=_query(place)
            )
            onward = _NEXT_PLACE.search(answer.headers.get("Link", ""))
            ids = [item["id"] for item in told if _has_id(item)]
            after = max([place, *ids, *(onward.groups() if onward else ())], key=order)
            if after == place:
                return place
            await deliver(list(self._events(told)), after.encode())
            place = after
            if len(told) < FULL_PAGE:
                return place

    def full(self, acct: str) -> str:
        """Return a person's address with its host: `@lin@example.org`."""
        return f"@{acct}" if "@" in acct else f"@{acct}@{self._host}"

    def _events(self, told: list[Any]) -> Iterator[base.Event]:
        for notice in sorted(_valid(told), key=lambda notice: order(notice.id)):
            sender = base.Profile(
                self.full(notice.account.acct),
                name=notice.account.display_name or None,
                avatar=notice.account.avatar,
            )
            if sender.id.lower() == self._me.lower():
                continue
            if notice.type == "mention" and notice.status:
                yield self._mention(notice, notice.status, sender)
            elif notice.type in ("follow", "follow_request"):
                peer = base.Peer(sender.id, "user")
                yield base.Event(
                    notice.id, EventType.JOINED, peer, sender, notice.created_at
                )

    def _mention(self, notice: Notice, status: Status, sender: base.Profile) -> base.Event:
        audience = self._audience(status, sender)
        where = sender.id if audience == 1 else f"{PUBLIC}{sender.id}"
        words = text.without_address(text.plain(status.content), self._me)
        said = "\n\n".join(filter(None, [status.spoiler_text, words]))
        return base.Event(
            # An answer needs the status, and is told the event alone.
            f"{notice.id}:{status.id}",
            EventType.MESSAGE if said else EventType.UNREADABLE,
            base.Peer(where, "user"),
            sender,
            notice.created_at,
            text=said,
            audience=audience,
        )

    def _audience(self, status: Status, sender: base.Profile) -> int:
        if status.visibility != "direct":
            return UNKNOWN_AUDIENCE
        named = {self.full(person.acct).lower() for person in status.mentions}
        return len((named | {sender.id.lower()}) - {self._me.lower()})


def order(notice_id: str) -> tuple[int, str]:
    """Return what sorts ids by age: they are strings of digits that only grow."""
    return len(notice_id), notice_id


def _query(place: str) -> list[tuple[str, str]]:
    return [
        ("min_id", place),
        ("limit", str(PAGE_LIMIT)),
        # Since 4.3 private mentions by strangers are set aside unless asked for.
        ("include_filtered", "true"),
        *(("types[]", kind) for kind in TYPES),
    ]


def _has_id(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str)


def _valid(told: list[Any]) -> Iterator[Notice]:
    for item in told:
        try:
            notice = msgspec.convert(item, Notice)
            msgspec.json.encode(notice)  # half of a surrogate pair fits in no database
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            log.warning("malformed notification left out", reason=type(error).__name__)
        else:
            yield notice
