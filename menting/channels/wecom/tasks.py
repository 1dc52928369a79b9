"""What waits for a member's tap: kept with the session's place, asked after, and told."""

from datetime import timedelta
from typing import Any, Literal

import msgspec
import structlog

from menting.base import clock
from menting.channels import base
from menting.channels.base import EventType
from menting.channels.wecom.wire import Wire, objects

log = structlog.get_logger(__name__)

#: A member may tap at once or next week: asked a tenth of its age after the last time.
SOONEST_SECONDS, LATEST_SECONDS = 60.0, 3600.0
AGE_SHARE = 10
#: Then it is called off; the platform lists mass messages for a month (path/93338).
MOST_AGE = timedelta(days=30)
SENT = 1
#: `status` of a mass message that went to nobody.
FAILURES = {
    2: "the person is no customer of the member any more",
    3: "the person has had as many mass messages as WeCom allows",
}
NO_CUSTOMER = 2
#: A job of a moment: `status` 3 is done; `publish_status` 1 is on the wall.
JOB_DONE, PUBLISHED = 3, 1


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that the platform took and a member has not yet tapped."""

    #: The `Receipt.message_id`: a mass message's `msgid`, or a moment's `jobid`.
    about: str
    since: float
    kind: Literal["message", "moment"] = "message"
    person: str = ""
    #: A job is forgotten after a day, the moment that it made is not.
    moment: str = ""


class Tasks:
    """The waiting tasks of one member."""

    def __init__(self, wire: Wire, handle: str) -> None:
        self._wire, self._handle = wire, handle
        self._corp, _, self._member = handle.partition(":")
        self._waiting: dict[str, Task] = {}
        self._next: dict[str, float] = {}

    def load(self, place: bytes) -> None:
        """Add what waited when `place` was stored."""
        for task in msgspec.json.decode(place, type=list[Task]) if place else []:
            self._waiting.setdefault(task.about, task)

    def dump(self) -> bytes:
        """Return the place that holds what waits."""
        return msgspec.json.encode(list(self._waiting.values()))

    def add(self, task: Task) -> None:
        """Ask after a task from now on."""
        self._waiting[task.about] = task
        self._next[task.about] = _now() + SOONEST_SECONDS

    def pause(self) -> float:
        """Return seconds until one is to be asked after."""
        soonest = min(self._next.values(), default=_now() + LATEST_SECONDS)
        return max(0.0, min(LATEST_SECONDS, soonest - _now()))

    async def look(self) -> list[base.Event]:
        """Ask after those whose time has come, and return what became of them.

        Raises Unreachable, Uncertain, Throttled and AuthFailed.
        """
        told: list[base.Event] = []
        for about, task in list(self._waiting.items()):
            if self._next.get(about, 0.0) > _now():
                continue
            try:
                told += await self._outcome(task)
            except base.Refused as error:
                log.info("a task's result is not told yet", reason=str(error))
            age = _now() - task.since
            pause = min(LATEST_SECONDS, max(SOONEST_SECONDS, age / AGE_SHARE))
            self._next[about] = _now() + pause
            if any(event.about == about for event in told):
                del self._waiting[about], self._next[about]
        return told

    async def _outcome(self, task: Task) -> list[base.Event]:
        ask = self._of_message if task.kind == "message" else self._of_moment
        told = await ask(task)
        if told or _now() - task.since < MOST_AGE.total_seconds():
            return told
        await self._call_off(task)
        return [self._bounced(task, "no member confirmed it within 30 days")]

    async def _of_message(self, task: Task) -> list[base.Event]:
        for sent in await self.recipients(task.about):
            if sent.get("external_userid") != task.person:
                continue
            status = sent.get("status")
            if status == SENT:
                return [self._arrived(task)]
            if status in FAILURES:
                told = [self._bounced(task, FAILURES[status])]
                return told + ([self._left(task)] if status == NO_CUSTOMER else [])
        return []

    async def recipients(self, msgid: str) -> list[dict[str, Any]]:
        """Return whom the member was asked to write to, each with its `status`."""
        body = {"msgid": msgid, "userid": self._member, "limit": 1000}
        told = await self._wire.call("externalcontact/get_groupmsg_send_result", json=body)
        return objects(told, "send_list")

    async def _of_moment(self, task: Task) -> list[base.Event]:
        if not task.moment:
            query = {"jobid": task.about}
            path = "externalcontact/get_moment_task_result"
            job = await self._wire.call(path, query=query)
            result = job.get("result")
            if job.get("status") != JOB_DONE or not isinstance(result, dict):
                return []
            if result.get("errcode") or not isinstance(result.get("moment_id"), str):
                return [self._bounced(task, f"{result.get('errcode')}: no moment was made")]
            task = msgspec.structs.replace(task, moment=result["moment_id"])
            self._waiting[task.about] = task
        body = {"moment_id": task.moment}
        told = await self._wire.call("externalcontact/get_moment_task", json=body)
        for mine in objects(told, "task_list"):
            if (mine.get("userid"), mine.get("publish_status")) == (
                self._member,
                PUBLISHED,
            ):
                return [self._arrived(task)]
        return []

    async def _call_off(self, task: Task) -> None:
        try:
            if task.kind == "message":
                body = {"msgid": task.about}
                await self._wire.call("externalcontact/cancel_groupmsg_send", json=body)
            elif task.moment:
                body = {"moment_id": task.moment}
                await self._wire.call("externalcontact/cancel_moment_task", json=body)
        except base.Refused as error:
            log.warning("a task could not be called off", reason=str(error))

    def _arrived(self, task: Task) -> base.Event:
        return self._event(task, EventType.ARRIVED)

    def _bounced(self, task: Task, reason: str) -> base.Event:
        return self._event(task, EventType.BOUNCED, text=reason)

    def _left(self, task: Task) -> base.Event:
        return self._event(task, EventType.LEFT)

    def _event(self, task: Task, kind: EventType, text: str = "") -> base.Event:
        peer = base.Peer(task.person, "user")
        if task.kind == "moment":
            peer = base.Peer(self._handle, "wall")
        return base.Event(
            f"{task.about}:{kind}",
            kind,
            peer,
            base.Profile(task.person, scope=self._corp),
            clock.now(),
            text=text,
            about="" if kind is EventType.LEFT else task.about,
        )


def _now() -> float:
    return clock.now().timestamp()
