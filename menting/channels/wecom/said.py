"""What a customer-service account's messages and events say (path/94670)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypedDict
from urllib.parse import unquote

import msgspec
import structlog
from typing_extensions import Unpack

from menting.channels import base
from menting.channels.base import EventType

log = structlog.get_logger(__name__)

#: What our links carry to the platform; the code itself is the parameter behind it.
SCENE = "menting"
BY_CUSTOMER = 3
#: `fail_type` of a message that did not arrive; the others have no words of their own.
FAILURES = {
    1: "the customer-service account was deleted",
    2: "the app was closed",
    4: "more than 48 hours had passed since the person wrote",
    5: "the conversation was closed",
    6: "five messages were sent already since the person wrote",
    10: "the person takes no messages of this account",
    12: "this kind of message may not be sent",
}
#: The person chose to receive no more: that withdraws.
REJECTED_BY_PERSON = 10


class Said(NamedTuple):
    """Where something was said."""

    corp: str
    kf_id: str


class Text(msgspec.Struct, frozen=True):
    """A text."""

    content: str


class KfEvent(msgspec.Struct, frozen=True):
    """Something that is no message."""

    event_type: str
    external_userid: str = ""
    scene: str = ""
    scene_param: str = ""
    fail_msgid: str = ""
    fail_type: int = 0


class Item(msgspec.Struct, frozen=True):
    """One line of `sync_msg`."""

    msgid: str
    msgtype: str
    send_time: int
    origin: int = 0
    external_userid: str = ""
    open_kfid: str = ""
    text: Text | None = None
    event: KfEvent | None = None


def events(listed: list[Any], where: Said) -> list[base.Event]:
    """Return what people did; what employees wrote and did is left out."""
    return [event for item in _valid(listed) for event in _events(item, where)]


def _events(item: Item, where: Said) -> Iterator[base.Event]:
    if item.open_kfid and item.open_kfid != where.kf_id:
        return
    at = datetime.fromtimestamp(item.send_time, UTC)
    if item.event is not None:
        yield from _happened(item, item.event, at, where)
    elif item.origin == BY_CUSTOMER and item.external_userid:
        text = item.text.content if item.msgtype == "text" and item.text else ""
        kind = EventType.MESSAGE if text else EventType.UNREADABLE
        yield _event(item.msgid, kind, item.external_userid, at, where, text=text)


def _happened(
    item: Item, event: KfEvent, at: datetime, where: Said
) -> Iterator[base.Event]:
    person = event.external_userid
    if event.event_type == "enter_session" and person:
        ours = "" if event.scene == SCENE else event.scene
        source = unquote(event.scene_param) or ours
        yield _event(item.msgid, EventType.JOINED, person, at, where, source=source)
    if event.event_type == "msg_send_fail":
        reason = FAILURES.get(event.fail_type, "it did not arrive; WeCom says no more")
        yield _event(
            item.msgid,
            EventType.BOUNCED,
            person,
            at,
            where,
            text=reason,
            about=event.fail_msgid,
        )
        if event.fail_type == REJECTED_BY_PERSON and person:
            yield _event(f"{item.msgid}:left", EventType.LEFT, person, at, where)


class _More(TypedDict, total=False):
    text: str
    source: str
    about: str


def _event(
    event_id: str,
    kind: EventType,
    person: str,
    at: datetime,
    where: Said,
    **more: Unpack[_More],
) -> base.Event:
    sender = base.Profile(person, scope=where.corp)
    return base.Event(event_id, kind, base.Peer(person, "user"), sender, at, **more)


def _valid(listed: list[Any]) -> Iterator[Item]:
    for raw in listed:
        try:
            item = msgspec.convert(raw, Item)
            msgspec.json.encode(item)  # half of a surrogate pair fits in no database
            datetime.fromtimestamp(item.send_time, UTC)
        except (
            *(msgspec.ValidationError, UnicodeEncodeError),
            *(ValueError, OverflowError, OSError),
        ) as error:
            log.warning("malformed message left out", reason=type(error).__name__)
        else:
            yield item
