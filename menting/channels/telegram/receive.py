"""Receive a bot's updates: by long polls, or by a webhook that is kept in its place."""

import asyncio
import random
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
import structlog

from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.telegram import updates
from menting.channels.telegram.wire import ConflictError, Wire

log = structlog.get_logger(__name__)

POLL_SECONDS = 50
#: A poll that hangs longer than this after its time is a lost connection.
POLL_GRACE_SECONDS = 20
MOST_UPDATES = 100
#: How often it is asked whether the webhook is still ours.
LOOK_SECONDS = 900.0


class Place(msgspec.Struct, frozen=True):
    """The resume token: the first update that is not stored yet."""

    offset: int = 0


class Receiver:
    """The one receiver of a bot; Telegram keeps updates for a day until one asks."""

    def __init__(
        self,
        wire: Wire,
        *,
        url: str,
        proof: str,
        is_called: bool,
        places: AbstractSet[str],
    ) -> None:
        self._wire, self._url, self._proof = wire, url, proof
        self._is_called, self._places = is_called, places
        self._kinds = updates.kinds(places)

    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        """Receive until cancelled; see base.Session.listen."""
        receive = self._stay_called if self._is_called else self._poll
        try:
            await receive(deliver, resume)
        except base.Refused as error:
            raise base.Unreachable(str(error)) from error

    async def _poll(self, deliver: base.Deliver, resume: bytes) -> None:
        place = msgspec.json.decode(resume, type=Place) if resume else None
        while True:
            told = await self._ask(place)
            after = _after(told, place or Place())
            events = [
                event for raw in told for event in updates.tell(raw, places=self._places)
            ]
            if events or place is None:
                await deliver(events, msgspec.json.encode(after))
            # The next poll's offset is what acknowledges these.
            place = after

    async def _ask(self, place: Place | None) -> list[Any]:
        wait = POLL_SECONDS if place else 0
        body = {
            "offset": place.offset if place else 0,
            "limit": MOST_UPDATES,
            "timeout": wait,
            "allowed_updates": self._kinds,
        }
        try:
            told = await self._prepare(
                "getUpdates", body, seconds=wait + POLL_GRACE_SECONDS
            )
        except ConflictError as error:
            await self._make_way(error)
            return []
        if not isinstance(told, list):
            raise base.Uncertain("Telegram's answer has another form")
        return told

    async def _make_way(self, conflict: ConflictError) -> None:
        """Take our own webhook away; another program's receiver is its owner's to stop."""
        set_url = str((await self._webhook()).get("url") or "")
        if set_url and set_url == self._url:
            await self._prepare("deleteWebhook", {})
        elif set_url:
            raise base.Unreachable(
                "a webhook of another program gets this bot's messages: delete it there, "
                "or let this account receive by webhook"
            ) from conflict
        else:
            raise base.Unreachable(
                "another program polls this bot, and only one may: stop it there"
            ) from conflict

    async def _stay_called(self, deliver: base.Deliver, resume: bytes) -> None:
        await self._set_webhook()
        if not resume:
            await deliver([], msgspec.json.encode(Place()))
        while True:
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.7, 1.0))  # noqa: S311
            told = await self._webhook()
            if told.get("url") != self._url:
                raise base.Unreachable("another program took the webhook over")
            if error := told.get("last_error_message"):
                log.warning("Telegram could not call the webhook", reason=str(error))

    async def _set_webhook(self) -> None:
        body = {
            "url": self._url,
            "secret_token": self._proof,
            "allowed_updates": self._kinds,
        }
        try:
            await self._prepare("setWebhook", body)
        except base.Refused as error:
            raise base.AuthFailed(f"Telegram refuses the webhook: {error}") from error

    async def _webhook(self) -> dict[str, Any]:
        told = await self._prepare("getWebhookInfo", {})
        return told if isinstance(told, dict) else {}

    async def _prepare(
        self, method: str, body: dict[str, Any], *, seconds: float | None = None
    ) -> Any:
        with proven_not_sent():
            return await self._wire.call(method, body, seconds=seconds)


def _after(told: list[Any], place: Place) -> Place:
    if not told:
        return place
    last = max(updates.number(raw) for raw in told)
    if last < place.offset:
        # Without a number there is nothing to acknowledge: it would come for ever.
        raise base.Unreachable("Telegram sends updates without numbers")
    return Place(last + 1)
