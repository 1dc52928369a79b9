"""Which messages of a bot QQ takes: windows, counts, switches, forms, filed links."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

WINDOWS = {"c2c": timedelta(minutes=60)}
WINDOW = timedelta(minutes=5)
ANSWERS = {"c2c": 4, "group": 5}
IN_A_MINUTE = 20
#: Addresses that are filed in the bot's console.
FILED = ("https://shop.example/",)

_URL = re.compile(r"https?://\S+")


class RefusedError(Exception):
    """An answer with an error code."""

    def __init__(self, code: int, words: str, *, status: int = 400) -> None:
        super().__init__(words)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Message:
    """What a bot sent."""

    id: str
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """Return what people read."""
        markdown = self.body.get("markdown", {}).get("content", "")
        return self.body.get("content") or re.sub(r"\\(.)", r"\1", markdown)


@dataclass(slots=True)
class Place:
    """A conversation of one bot."""

    kind: str
    number: str
    #: A friend, a group with the bot in it, a guild that it is in.
    is_open: bool = True
    #: Whether the bot may write first, by the switch of the person or group.
    is_active: bool = True
    is_rejected: bool = False
    is_reviewed: bool = False
    has_buttons: bool = True
    heard: dict[str, datetime] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    pairs: set[tuple[str, int]] = field(default_factory=set)
    began: list[datetime] = field(default_factory=list)
    recalls: int = 0


def judge(place: Place, asked: Any, *, files: set[str], now: datetime) -> None:
    """Take a message, or raise RefusedError."""
    if place.kind in ("c2c", "group"):
        _form(place, asked, files)
    elif "msg_type" in asked or not asked.get("content"):
        raise RefusedError(304061, "content")
    _links(place, asked)
    if asked.get("msg_id") or asked.get("event_id"):
        _answer(place, asked, now)
    else:
        _begin(place, asked, now)


def _form(place: Place, asked: Any, files: set[str]) -> None:
    content, kind = asked.get("content", ""), asked.get("msg_type")
    if kind == 2 and not place.has_buttons:
        raise RefusedError(40034127, "no markdown")
    is_formed = {
        0: bool(content) and not {"markdown", "keyboard", "media"} & set(asked),
        2: not content and bool(asked.get("markdown", {}).get("content")),
        7: str(asked.get("media", {}).get("file_info")).startswith(place.kind)
        and asked["media"]["file_info"] in files,
    }
    if not is_formed.get(kind, False):
        raise RefusedError(22006, "type and content")
    rows = asked.get("keyboard", {}).get("content", {}).get("rows", [])
    labels = [b["render_data"]["label"] for row in rows for b in row["buttons"]]
    if len(rows) > 5 or any(len(row["buttons"]) > 5 for row in rows):
        raise RefusedError(40034029, "rows")
    if any(len(label) > 10 for label in labels):
        raise RefusedError(305007, "label")


def _links(place: Place, asked: Any) -> None:
    rows = asked.get("keyboard", {}).get("content", {}).get("rows", [])
    urls = [b["action"]["data"] for row in rows for b in row["buttons"]]
    urls += _URL.findall(asked.get("content", ""))
    if not all(url.startswith(FILED) for url in urls):
        raise RefusedError(40054010 if place.kind == "group" else 304003, "url")


def _answer(place: Place, asked: Any, now: datetime) -> None:
    if asked.get("is_wakeup"):
        raise RefusedError(40034123, "wake-up with an id")
    if event := asked.get("event_id"):
        return _answer_event(place, event)
    return _answer_message(place, asked, now)


def _answer_event(place: Place, event: str) -> None:
    if event not in place.events:
        raise RefusedError(40034025, "event_id")


def _answer_message(place: Place, asked: Any, now: datetime) -> None:
    ref, seq = asked["msg_id"], asked.get("msg_seq", 1)
    if ref not in place.heard:
        raise RefusedError(40034024, "msg_id")
    is_counted = place.kind in ANSWERS
    if is_counted and (ref, seq) in place.pairs:
        raise RefusedError(40054005, "duplicate")
    if now > place.heard[ref] + WINDOWS.get(place.kind, WINDOW):
        raise RefusedError(40034005, "expired")
    given = sum(known == ref for known, _ in place.pairs)
    if is_counted and given >= ANSWERS[place.kind]:
        raise RefusedError(40034128, "too often")
    if place.is_rejected:
        raise RefusedError(40054013, "rejected")
    _is_there(place)
    place.pairs.add((ref, seq))


def _begin(place: Place, asked: Any, now: datetime) -> None:
    _is_there(place)
    if place.is_rejected:
        raise RefusedError(40054013, "rejected")
    if asked.get("is_wakeup"):
        place.recalls += 1
        if place.recalls > 1 or place.kind != "c2c":
            raise RefusedError(40034122, "period")
        return
    if not place.is_active:
        raise RefusedError(40034105, "no permission")
    place.began = [at for at in place.began if at > now - timedelta(minutes=1)]
    if len(place.began) >= IN_A_MINUTE:
        raise RefusedError(40034100, "too fast")
    place.began.append(now)


def _is_there(place: Place) -> None:
    if not place.is_open:
        codes = {"c2c": 40054004, "group": 40054003, "dm": 304031}
        raise RefusedError(codes.get(place.kind, 11253), "not there")
