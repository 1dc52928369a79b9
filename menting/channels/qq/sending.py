"""Send a message: as an answer where QQ allows one, else of the bot's own accord."""

import asyncio
import base64
import hashlib
from typing import Any, NamedTuple
from urllib.parse import quote

from menting.base import clock
from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.qq import forms
from menting.channels.qq.counts import Counts
from menting.channels.qq.errors import Kind, RefusedCodeError
from menting.channels.qq.events import EVENT
from menting.channels.qq.wire import Wire, code_of

ROUTES = {
    "c2c": "/v2/users/{}/messages",
    "group": "/v2/groups/{}/messages",
    "channel": "/channels/{}/messages",
    "dm": "/dms/{}/messages",
}
UPLOADS = {"c2c": "/v2/users/{}/files", "group": "/v2/groups/{}/files"}
#: What is larger goes up in parts, by other calls.
MOST_IMAGE_BYTES = 5_000_000
#: Uploaded pictures that are remembered; a campaign has one or two.
MOST_FILES = 8
#: An uploaded picture is not used in the last seconds of its time.
FILE_MARGIN_SECONDS = 60.0
#: A form that is refused for one of these reasons leaves room for a plainer one.
PLAINER = (Kind.FORM, Kind.LINK)


class _Place(NamedTuple):
    kind: str
    id: str

    @property
    def path(self) -> str:
        return ROUTES[self.kind].format(quote(self.id, safe=""))


class Sending:
    """The sending half of a session."""

    __slots__ = ("_counts", "_files", "_wire", "has_buttons")

    def __init__(self, wire: Wire, *, is_certified: bool) -> None:
        self._wire, self._counts = wire, Counts(is_certified=is_certified)
        #: By kind of place, which do not share theirs, and content: the file and its end.
        self._files: dict[tuple[str, bytes], tuple[str, float]] = {}
        #: Until QQ says otherwise.
        self.has_buttons = True

    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        """Send as `Session.send` does, in the best form that QQ takes."""
        place = _place(to)
        file = await self._file(place, message.image) if message.image else ""
        *richer, plainest = forms.of(
            message, place.kind, file=file, markdown=self.has_buttons
        )
        for form in richer:
            try:
                return await self._write(place, form, message)
            except RefusedCodeError as refusal:
                self.has_buttons &= refusal.kind is not Kind.FORM
                if refusal.kind not in PLAINER:
                    raise
        return await self._write(place, plainest, message)

    async def _write(
        self, place: _Place, form: forms.Form, message: base.Outgoing
    ) -> base.Receipt:
        seq, answers = forms.sequence(message.key, form.number), message.answers
        if answers and self._counts.may_answer(place.kind, answers, seq, clock.now()):
            try:
                return await self._answer(place, form, message, answers)
            except RefusedCodeError as refusal:
                self._counts.unanswered(answers, seq)
                if refusal.kind is not Kind.EXPIRED:
                    raise
        if message.again:
            # The first try may have gone out in another way: nothing would tell QQ so.
            raise base.Uncertain("it can no longer be asked for as an answer")
        return await self._begin(place, form)

    async def _answer(
        self,
        place: _Place,
        form: forms.Form,
        message: base.Outgoing,
        to: base.Inbound,
    ) -> base.Receipt:
        """Answer a message or an event; in C2C and groups the same pair goes out once."""
        ref = "event_id" if to.id.startswith(EVENT) else "msg_id"
        body = {**form.body, ref: to.id.removeprefix(EVENT)}
        if place.kind not in forms.RICH:
            if message.again:
                raise base.Uncertain("channels know no msg_seq")
            return _receipt(await self._wire.call("POST", place.path, body))
        body["msg_seq"] = forms.sequence(message.key, form.number)
        try:
            return _receipt(await self._wire.call("POST", place.path, body))
        except RefusedCodeError as refusal:
            if refusal.kind is not Kind.DUPLICATE:
                raise
            # No other key makes this pair: the first request had arrived.
            return base.Receipt(f"{body[ref]} {body['msg_seq']}", clock.now())

    async def _begin(self, place: _Place, form: forms.Form) -> base.Receipt:
        """Write first, which the person or group has allowed by a switch at QQ."""
        self._counts.begin(place.kind, place.id, clock.now())
        try:
            return _receipt(await self._wire.call("POST", place.path, form.body))
        except RefusedCodeError as refusal:
            if refusal.code != NO_PERMISSION or place.kind != "c2c":
                raise
        # Whoever wrote to the bot may be called back once in each of four periods: the
        # same day, 1 to 3, 3 to 7 and 7 to 30 days later. QQ keeps count.
        body = {**form.body, "is_wakeup": True}
        return _receipt(await self._wire.call("POST", place.path, body))

    async def _file(self, place: _Place, image: base.Image) -> str:
        if place.kind not in UPLOADS:
            raise base.Unsupported("pictures go to people and groups only")
        if len(image.content) > MOST_IMAGE_BYTES:
            raise base.Refused("the picture is larger than 5 MB")
        key = (place.kind, hashlib.sha256(image.content).digest())
        now = asyncio.get_running_loop().time()
        file, ends_at = self._files.pop(key, ("", 0.0))
        if now >= ends_at:
            file, ends_at = await self._upload(place, image, now)
        self._files[key] = file, ends_at
        if len(self._files) > MOST_FILES:
            del self._files[next(iter(self._files))]
        return file

    async def _upload(
        self, place: _Place, image: base.Image, now: float
    ) -> tuple[str, float]:
        body = {
            "file_type": 1,
            "file_data": base64.b64encode(image.content).decode(),
            "srv_send_msg": False,
        }
        path = UPLOADS[place.kind].format(quote(place.id, safe=""))
        with proven_not_sent():
            told = await self._wire.call("POST", path, body)
        file, ttl = told.get("file_info"), told.get("ttl")
        if not isinstance(file, str) or not isinstance(ttl, int):
            raise base.Unreachable("the picture was taken but not named")
        # 0: for ever.
        return file, now + ttl - FILE_MARGIN_SECONDS if ttl else float("inf")


#: "No permission" to write first, as opposed to a period of calling back that is spent.
NO_PERMISSION = 40034105


def _place(to: base.Peer) -> _Place:
    kind, _, place = to.id.partition(":")
    if kind not in ROUTES or not place:
        raise base.Unsupported("QQ has no conversation of that kind")
    return _Place(kind, place)


def _receipt(told: dict[str, Any]) -> base.Receipt:
    if code_of(told):
        return base.Receipt(_audit(told), clock.now(), pending="QQ reads it first")
    if not isinstance(told.get("id"), str):
        raise base.Uncertain("QQ took it but named no message")
    return base.Receipt(told["id"], clock.now())


def _audit(told: dict[str, Any]) -> str:
    """Return the id that MESSAGE_AUDIT_PASS or MESSAGE_AUDIT_REJECT will name."""
    said = told.get("data")
    audit = said.get("message_audit") if isinstance(said, dict) else None
    return str(audit.get("audit_id", "")) if isinstance(audit, dict) else ""
