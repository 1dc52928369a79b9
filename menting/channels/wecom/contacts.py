"""A member and their customers (客户联系): tasks that wait for the member's tap."""

from datetime import timedelta
from typing import Any

from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.http import proven_not_sent
from menting.channels.wecom import errors
from menting.channels.wecom.bell import Bell
from menting.channels.wecom.tasks import Task, Tasks
from menting.channels.wecom.wire import Wire, objects, profile_of

CAPS = Cap.PROFILE | Cap.TEXT | Cap.IMAGE | Cap.WALL | Cap.FOLLOW | Cap.INVITE
MOST_TEXT_BYTES = 4000
MOST_POST_LETTERS = 2000
MOST_CODE_LETTERS = 30
#: For so long a mass message made under a key is looked for before another is made.
LOOK_BACK = timedelta(hours=24)
PENDING = "waits for the member's tap in WeCom"


class ContactsSession(base.Session):
    """A member whose app is signed in; `WeCom.open` makes it."""

    def __init__(self, wire: Wire, profile: base.Profile, bell: Bell) -> None:
        self._wire, self._profile, self._bell = wire, profile, bell
        self._member = profile.id.partition(":")[2]
        self._tasks = Tasks(wire, profile.id)

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
        # Customers come by callbacks alone; here only what waits is asked after.
        self._tasks.load(resume)
        stored = resume

        async def _store(told: list[base.Event]) -> None:
            nonlocal stored
            if told or self._tasks.dump() != stored:
                stored = self._tasks.dump()
                await deliver(told, stored)

        while True:
            await _store([])
            try:
                told = await self._tasks.look()
            except base.ChannelError:
                await _store([])  # what was sent meanwhile outlives this session
                raise
            await _store(told)
            await self._bell.wait(self._tasks.pause())

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        scope = self._wire.app.corp
        query = {"external_userid": person}
        try:
            told = await self._wire.call("externalcontact/get", query=query)
        except base.Refused:
            return base.Profile(person, scope=scope)
        shown = told.get("external_contact")
        shown = shown if isinstance(shown, dict) else {}
        return profile_of(person, shown, name="name", corp=scope)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        text = _with_links(message)
        size = len(text.encode())
        if size > MOST_TEXT_BYTES:
            raise base.Refused(f"the text has {size} bytes, WeCom takes {MOST_TEXT_BYTES}")
        msgid = ""
        if message.again:
            with proven_not_sent():
                found = await self._find(to.id, text)
            if found is None:
                raise base.Uncertain("WeCom has not yet written down its mass messages")
            msgid = found
        about = msgid or await self._make(to.id, message)
        return self._kept(Task(about, _now(), person=to.id))

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        if wall.id not in ("", self._profile.id):
            raise base.Unsupported("this is not the account's wall")
        text = _with_links(message)
        if len(text) > MOST_POST_LETTERS:
            raise base.Refused(
                f"the text has {len(text)} letters, a moment takes {MOST_POST_LETTERS}"
            )
        body: dict[str, Any] = {
            "text": {"content": text},
            "visible_range": {"sender_list": {"user_list": [self._member]}},
        }
        if message.image:
            query = {"media_type": "image", "attachment_type": "1"}
            body["attachments"] = [
                await self._attached(message.image, "media/upload_attachment", query)
            ]
        told = await self._wire.call("externalcontact/add_moment_task", json=body)
        return self._kept(Task(_named(told, "jobid"), _now(), kind="moment"))

    @override
    async def invite(self, code: str) -> str:
        if len(code) > MOST_CODE_LETTERS:
            raise base.Refused(f"a code has at most {MOST_CODE_LETTERS} letters")
        body = {"type": 1, "scene": 2, "user": [self._member], "state": code}
        told = await self._wire.call("externalcontact/add_contact_way", json=body)
        return _named(told, "qr_code")

    @override
    def nudge(self) -> None:
        self._bell.ring()

    @override
    async def close(self) -> None:
        """Do nothing: there is no connection of its own."""

    def _kept(self, task: Task) -> base.Receipt:
        self._tasks.add(task)
        self._bell.ring()  # so that it is stored at once
        return base.Receipt(task.about, clock.now(), pending=PENDING)

    async def _make(self, person: str, message: base.Outgoing) -> str:
        body: dict[str, Any] = {
            "chat_type": "single",
            "external_userid": [person],
            "sender": self._member,
            "text": {"content": _with_links(message)},
        }
        if message.image:
            query = {"type": "image"}
            body["attachments"] = [
                await self._attached(message.image, "media/upload", query)
            ]
        told = await self._wire.call("externalcontact/add_msg_template", json=body)
        failed = told.get("fail_list")
        if isinstance(failed, list) and person in failed:
            raise base.Refused("WeCom says that it cannot be sent to this person")
        return _named(told, "msgid")

    async def _attached(
        self, image: base.Image, path: str, query: dict[str, str]
    ) -> dict[str, Any]:
        with proven_not_sent():
            told = await self._wire.upload(path, image, query=query)
        return {"msgtype": "image", "image": {"media_id": _named(told, "media_id")}}

    async def _find(self, person: str, text: str) -> str | None:
        """Return the mass message of late that says this to this person, else "".

        None while one that says this is not yet dispatched, and may be to them.
        """
        now, cursor, is_open = _now(), "", False
        while True:
            body: dict[str, Any] = {
                "chat_type": "single",
                "start_time": int(now - LOOK_BACK.total_seconds()),
                "end_time": int(now) + 60,
                "filter_type": 0,
                "limit": 100,
            }
            if cursor:
                body["cursor"] = cursor
            told = await self._wire.call("externalcontact/get_groupmsg_list_v2", json=body)
            for made in objects(told, "group_msg_list"):
                if _text(made) != text:
                    continue
                is_to = await self._is_to(str(made.get("msgid")), person)
                if is_to:
                    return str(made["msgid"])
                is_open = is_open or is_to is None
            cursor = str(told.get("next_cursor") or "")
            if not cursor:
                return None if is_open else ""

    async def _is_to(self, msgid: str, person: str) -> bool | None:
        try:
            recipients = await self._tasks.recipients(msgid)
        except errors.CodeError as error:
            if error.code in errors.NOT_YET:
                return None
            raise
        return any(sent.get("external_userid") == person for sent in recipients)


def _with_links(message: base.Outgoing) -> str:
    links = "\n".join(f"{button.label}: {button.url}" for button in message.buttons)
    return "\n\n".join(filter(None, [message.text, links]))


def _text(made: dict[str, Any]) -> str:
    text = made.get("text")
    return str(text.get("content", "")) if isinstance(text, dict) else ""


def _named(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise base.Uncertain(f"the platform took it but gave no {name}")
    return value


def _now() -> float:
    return clock.now().timestamp()
