"""What a fake WeCom keeps, and how it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

WINDOW_SECONDS = 48 * 3600
MOST_ANSWERS = 5
#: No document names it: the fake's own code for a `msgid` that was used before.
MSGID_REPEATED = 95099


class CodeError(Exception):
    """A refusal with its code; WeCom answers it with status 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True)
class KfAccount:
    """A customer-service account."""

    name: str
    #: What `sync_msg` tells, oldest first; its cursor is the place in it.
    said: list[dict[str, Any]] = field(default_factory=list)
    #: When a customer wrote last, and what they were answered since.
    windows: dict[str, list[float]] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    rejected_by: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Member:
    """A member who keeps customers."""

    name: str
    customers: set[str] = field(default_factory=set)
    wall: list[str] = field(default_factory=list)
    contact_ways: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Mass:
    """A mass message; `status` by customer."""

    body: dict[str, Any]
    at: int
    status: dict[str, int]
    is_cancelled: bool = False
    is_dispatched: bool = True


@dataclass(slots=True)
class Moment:
    """A moment that was asked for; `status` 3 once it is made."""

    body: dict[str, Any]
    moment_id: str
    status: int = 3
    published: set[str] = field(default_factory=set)
    is_cancelled: bool = False


def ok(told: Mapping[str, Any]) -> web.Response:
    """Answer that all went well."""
    return web.json_response({"errcode": 0, "errmsg": "ok", **told})
