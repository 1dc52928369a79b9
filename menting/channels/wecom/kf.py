"""A customer-service account (微信客服): pulls what people write, and answers in time."""

import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import structlog
from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.http import proven_not_sent
from menting.channels.wecom import errors
from menting.channels.wecom.bell import Bell
from menting.channels.wecom.said import SCENE, Said, events
from menting.channels.wecom.wire import Wire, objects, profile_of

log = structlog.get_logger(__name__)

CAPS = Cap.PROFILE | Cap.TEXT | Cap.BUTTON | Cap.FOLLOW | Cap.INVITE
MOST_TEXT_BYTES = 2048
#: A menu with links has a shorter head, and at most ten lines (path/94677).
MOST_HEAD_BYTES = 1024
MOST_LINKS = 10
PAGE = 1000
#: People whose names one call asks for (path/95149).
MOST_ASKED = 100
MOST_CODE_BYTES = 128
MSGID_LETTERS = 32
#: Before a stored cursor, so that a place without one is a place as well.
_PLACE = "cursor:"


class KfSession(base.Session):
    """A customer-service account that is signed in; `WeCom.open` makes it."""

    def __init__(
        self, wire: Wire, profile: base.Profile, bell: Bell, *, look: float, repeated: int
    ) -> None:
        self._wire, self._profile, self._bell = wire, profile, bell
        self._kf_id = profile.id.partition(":")[2]
        #: Seconds until a look without a callback; the code of a `msgid` used before.
        self._look, self._repeated = look, repeated

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        return CAPS

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        cursor = resume.decode().removeprefix(_PLACE)
        if not resume:
            # The platform keeps three days; they were not written to Menting's account.
            cursor = await self._pull(cursor, None)
            await deliver([], f"{_PLACE}{cursor}".encode())
        while True:
            cursor = await self._pull(cursor, deliver)
            await self._bell.wait(self._look)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        try:
            shown = await self._profiles([person])
        except base.Refused:
            shown = {}
        return shown.get(person) or base.Profile(person, scope=self._wire.app.corp)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        msgid = hashlib.sha256(message.key.encode()).hexdigest()[:MSGID_LETTERS]
        body = {
            "touser": to.id,
            "open_kfid": self._kf_id,
            # Unique in the account for good: the same once more is refused (path/94677).
            "msgid": msgid,
            **_content(message),
        }
        try:
            await self._wire.call("kf/send_msg", json=body)
        except errors.CodeError as error:
            if self._repeated and error.code == self._repeated:
                return base.Receipt(msgid, clock.now())
            if message.again:
                # It may be the first one that used up the id, the count or the time.
                raise base.Uncertain(f"refused when asked again: {error}") from error
            raise
        return base.Receipt(msgid, clock.now())

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        raise base.Unsupported("a customer-service account has no wall")

    @override
    async def invite(self, code: str) -> str:
        parameter = quote(code, safe="")
        if len(parameter) > MOST_CODE_BYTES:
            raise base.Refused(f"a code has at most {MOST_CODE_BYTES} bytes")
        with proven_not_sent():
            told = await self._wire.call(
                "kf/add_contact_way", json={"open_kfid": self._kf_id, "scene": SCENE}
            )
        url = told.get("url")
        if not isinstance(url, str) or not url:
            raise base.Uncertain("the platform gave no link")
        return f"{url}{'&' if '?' in url else '?'}scene_param={parameter}"

    @override
    def nudge(self) -> None:
        self._bell.ring()

    @override
    async def close(self) -> None:
        """Do nothing: there is no connection of its own."""

    async def _pull(self, cursor: str, deliver: base.Deliver | None) -> str:
        """Deliver all after `cursor`, a page at a time, and return the cursor after it."""
        has_more = True
        while has_more:
            told = await self._page(cursor)
            after = told.get("next_cursor")
            after = after if isinstance(after, str) and after else cursor
            # A page may be empty and have more behind it (path/94670).
            has_more = told.get("has_more") == 1 and after != cursor
            listed = told.get("msg_list")
            where = Said(self._wire.app.corp, self._kf_id)
            heard = events(listed if isinstance(listed, list) else [], where)
            if deliver is not None and (heard or after != cursor):
                await deliver(await self._named(heard), f"{_PLACE}{after}".encode())
            cursor = after
        return cursor

    async def _named(self, heard: list[base.Event]) -> list[base.Event]:
        """Return events with the names of who did them, where the platform tells them."""
        people = sorted({event.sender.id for event in heard if event.sender.id})
        shown: dict[str, base.Profile] = {}
        try:
            for start in range(0, len(people), MOST_ASKED):
                shown |= await self._profiles(people[start : start + MOST_ASKED])
        except base.ChannelError as error:
            log.info("names are not told", reason=str(error))  # no message waits for them
        return [
            replace(event, sender=shown.get(event.sender.id, event.sender))
            for event in heard
        ]

    async def _profiles(self, people: list[str]) -> dict[str, base.Profile]:
        told = await self._wire.call(
            "kf/customer/batchget", json={"external_userid_list": people}
        )
        return {
            str(shown.get("external_userid")): profile_of(
                str(shown.get("external_userid")),
                shown,
                name="nickname",
                corp=self._wire.app.corp,
            )
            for shown in objects(told, "customer_list")
        }

    async def _page(self, cursor: str) -> dict[str, Any]:
        body: dict[str, Any] = {"open_kfid": self._kf_id, "limit": PAGE}
        if cursor:
            body["cursor"] = cursor
        token = self._bell.token()
        try:
            more = {"token": token} if token else {}
            return await self._wire.call("kf/sync_msg", json=body | more)
        except errors.CodeError as error:
            if not (token and error.code == errors.NOT_THIS_NUDGE):
                raise base.Unreachable(f"nothing can be pulled: {error}") from error
        self._bell.forget_token()
        return await self._wire.call("kf/sync_msg", json=body)


def _content(message: base.Outgoing) -> dict[str, Any]:
    """Return a menu of links where it fits, else the text with the links below it."""
    text, buttons = message.text, message.buttons
    head_fits = len(text.encode()) <= MOST_HEAD_BYTES and len(buttons) <= MOST_LINKS
    if buttons and head_fits:
        links = [
            {"type": "view", "view": {"url": button.url, "content": button.label}}
            for button in buttons
        ]
        return {"msgtype": "msgmenu", "msgmenu": {"head_content": text, "list": links}}
    links_below = "\n".join(f"{button.label}: {button.url}" for button in buttons)
    whole = "\n\n".join(filter(None, [text, links_below]))
    size = len(whole.encode())
    if size > MOST_TEXT_BYTES:
        raise base.Refused(f"the text has {size} bytes, WeCom takes {MOST_TEXT_BYTES}")
    return {"msgtype": "text", "text": {"content": whole}}
