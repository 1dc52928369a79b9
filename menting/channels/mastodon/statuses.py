"""Write statuses: once by their key, and not at all where they could not be read."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import structlog

from menting.base import clock
from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.mastodon import text
from menting.channels.mastodon.wire import Wire

log = structlog.get_logger(__name__)

#: Mastodon remembers a key for an hour; the rest is for clocks and waiting.
KEY_FOR = timedelta(minutes=50)
#: A proxy may give up on a status that the server is still writing, when neither its
#: statuses nor its keys show it (mastodon/mastodon issue 21840).
SETTLE_SECONDS = 10.0
#: Large pictures are processed after the upload.
MEDIA_SECONDS = 30.0
MEDIA_LOOK_SECONDS = 1.0
#: Of 40 statuses each: more than an account may write while a key is remembered.
MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server allows in one status, as its `/api/v2/instance` says."""

    characters: int = 500
    url_length: int = 23


@dataclass(frozen=True, slots=True)
class Draft:
    """A status to be written; `to` is the one person who is to read it, empty for all."""

    visibility: str
    to: str = ""
    answers: str = ""


class Statuses:
    """The statuses of one account."""

    def __init__(self, wire: Wire, account_id: str, limits: Limits, *, host: str) -> None:
        self._wire, self._account_id, self._limits = wire, account_id, limits
        self._host = host

    async def write(self, draft: Draft, message: base.Outgoing) -> base.Receipt:
        """Publish a status.

        Raises Refused when it is too long or when nobody would read it, and as
        `Wire.ask` does.
        """
        words = self._words(draft, message)
        if message.again:
            with proven_not_sent():
                written = await self._look_twice(draft, words)
            if written:
                return base.Receipt(written, clock.now())
        body: dict[str, Any] = {"status": words, "visibility": draft.visibility}
        if draft.answers:
            body["in_reply_to_id"] = draft.answers
        if message.image:
            with proven_not_sent():
                body["media_ids"] = [await self._upload(message.image)]
        return await self._publish(draft, body, key=message.key)

    def _words(self, draft: Draft, message: base.Outgoing) -> str:
        links = "\n".join(f"{button.label}: {button.url}" for button in message.buttons)
        words = text.naming_nobody("\n\n".join(filter(None, [message.text, links])))
        most = self._limits.characters
        # Of a mention only the name counts, not the host.
        name = draft.to.rpartition("@")[0]
        counted = f"{name} {words}" if name else words
        length = text.weight(counted, url_length=self._limits.url_length)
        if length > most:
            raise base.Refused(f"the text has {length} characters, the server takes {most}")
        return f"{draft.to} {words}" if draft.to else words

    async def _look_twice(self, draft: Draft, words: str) -> str:
        found = await self._find(draft, words)
        if not found:
            await asyncio.sleep(SETTLE_SECONDS)
            found = await self._find(draft, words)
        return found

    async def _find(self, draft: Draft, words: str) -> str:
        """Return the id of a status that says this and is younger than a key, else ""."""
        path = f"/api/v1/accounts/{self._account_id}/statuses"
        query = {"limit": "40", "exclude_reblogs": "true"}
        for _ in range(MOST_PAGES):
            told, _answer = await self._wire.many(path, query=query)
            for item in told:
                if _is(item, draft, words, self._host):
                    return str(item["id"])
            if not (told and _is_young(told[-1])):
                break
            query["max_id"] = str(told[-1]["id"])
        return ""

    async def _upload(self, image: base.Image) -> str:
        form = aiohttp.FormData()
        form.add_field(
            "file", image.content, content_type=image.media_type, filename="picture"
        )
        form.add_field("description", image.alt)
        answer = await self._wire.ask("POST", "/api/v2/media", data=form)
        media_id = (answer.json() or {}).get("id")
        if not isinstance(media_id, str):
            raise base.Uncertain("the server took a picture but gave it no id")
        if answer.status == 202:
            await self._until_processed(media_id)
        return media_id

    async def _until_processed(self, media_id: str) -> None:
        until = asyncio.get_running_loop().time() + MEDIA_SECONDS
        while (await self._wire.ask("GET", f"/api/v1/media/{media_id}")).status == 206:
            if asyncio.get_running_loop().time() > until:
                raise base.Refused("the picture is still processed", permanent=False)
            await asyncio.sleep(MEDIA_LOOK_SECONDS)

    async def _publish(
        self, draft: Draft, body: dict[str, Any], *, key: str
    ) -> base.Receipt:
        told = await self._wire.one(
            "POST", "/api/v1/statuses", json=body, headers={"Idempotency-Key": key}
        )
        if not isinstance(told.get("id"), str):
            raise base.Uncertain("the server took it but named no status")
        if draft.to and not told.get("mentions"):
            await self._take_back(told["id"])
            raise base.Refused("the server knows no such person; nobody could read it")
        return base.Receipt(told["id"], clock.now())

    async def _take_back(self, status_id: str) -> None:
        try:
            await self._wire.ask("DELETE", f"/api/v1/statuses/{status_id}")
        except base.ChannelError as error:
            # It is seen by the account alone, and so does no harm where it stays.
            log.warning("a status without reader stays", reason=str(error))


def _is(item: Any, draft: Draft, words: str, host: str) -> bool:
    """Say whether a status is ours: the same words to the same person, of late."""
    try:
        said = text.plain(item["content"])
        return (
            _is_young(item)
            and item["visibility"] == draft.visibility
            and _is_to(item["mentions"], draft.to, host)
            and _bare(said, draft) == _bare(words, draft)
        )
    except (TypeError, KeyError, AttributeError):
        return False


def _is_to(mentions: list[dict[str, str]], to: str, host: str) -> bool:
    """Say whether `to` alone is named, or nobody; people of our host stand without it."""
    named = [person["acct"].lower() for person in mentions]
    full = [f"@{acct}" if "@" in acct else f"@{acct}@{host.lower()}" for acct in named]
    return full == ([to.lower()] if to else [])


def _is_young(item: Any) -> bool:
    try:
        at = datetime.fromisoformat(item["created_at"])
        return isinstance(item["id"], str) and clock.now() - at < KEY_FOR
    except (TypeError, KeyError, ValueError):
        return False


def _bare(words: str, draft: Draft) -> str:
    """Return a text without its person, in one form of white space, as HTML keeps none."""
    return " ".join((text.without_address(words, draft.to) if draft.to else words).split())
