"""What a platform sends to `/hooks/CHANNEL/…`, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from menting.channels.base import Event

#: A webhook of most platforms has a few kilobytes.
MOST_BYTES = 1024 * 1024
#: Older or newer signed times are refused: a recorded request must not be played again.
MOST_SKEW_SECONDS = 300


class ForgedError(Exception):
    """The request does not prove to come from the platform, or it is an old one."""


class MalformedError(Exception):
    """The request is proven, and has not the documented form."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One request as it came in; nothing of it is believed yet."""

    method: str
    #: After `/hooks/CHANNEL/`, percent-decoded.
    path: str
    query: Mapping[str, str]
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What the platform is answered once the events are stored."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    #: By the handle of the account whom they concern, mostly the addressee alone.
    events: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    #: Something waits at the platform: the sessions of the accounts that `events` names,
    #: be it with no event, else the addressee's, are to fetch it.
    nudge: bool = False
