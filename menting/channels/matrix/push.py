"""Take in what a homeserver pushes to an application service (Application Service API)."""

import hmac
import json
from typing import Any

import structlog

from menting.channels.base import Account, Event
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from menting.channels.matrix import synced, timeline
from menting.channels.matrix.service import Service
from menting.channels.matrix.synced import Pushed

log = structlog.get_logger(__name__)

#: Between the handle in the webhook's path and what the homeserver appends to it.
ROOT = "/_matrix/app/v1/"


class _NotYetError(Exception):
    """A session must come up or ask something first; the homeserver pushes again."""


def addressee(hook: Hook) -> str:
    """Return the handle in `HANDLE/_matrix/app/v1/…`. Raises MalformedError."""
    handle, root, _ = hook.path.partition(ROOT)
    if not root or not handle:
        raise MalformedError("not a path of the Application Service API")
    return handle


def take(service: Service, hook: Hook, account: Account) -> HookAnswer:
    """Answer a proven call of the homeserver. Raises ForgedError and MalformedError."""
    _prove(hook, account)
    called = hook.path.partition(ROOT)[2]
    kind, _, rest = called.partition("/")
    if (hook.method, called) == ("POST", "ping"):
        return _json(200, {})
    if hook.method == "PUT" and kind == "transactions" and rest:
        return _transaction(service, rest, _events(hook.body))
    if hook.method == "GET" and kind in ("users", "rooms", "thirdparty"):
        # Accounts are made from the roster, and nothing by a stranger's asking.
        return _refusal(404, "M_NOT_FOUND")
    return _refusal(404, "M_UNRECOGNIZED")


def _prove(hook: Hook, account: Account) -> None:
    secret = account.secret.get("hs_token", "")
    scheme, _, given = hook.headers.get("authorization", "").partition(" ")
    is_ours = hmac.compare_digest(given.encode(), secret.encode())
    if not secret or scheme.lower() != "bearer" or not is_ours:
        raise ForgedError("the homeserver's token is not the one of this account")


def _events(body: bytes) -> list[Any]:
    try:
        told = json.loads(body)
        return list(told["events"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MalformedError("a transaction has a list of events") from error


def _transaction(service: Service, txn: str, events: list[Any]) -> HookAnswer:
    """Tell each event to every account that is in its room.

    The same transaction comes again until it is answered with 200, so that nothing here
    may count twice; the events themselves are told apart by their ids in the inbox.
    """
    if not service.is_settled:
        return _not_yet()
    told: dict[str, list[Event]] = {}
    try:
        for event in synced.pushed(events):
            _note(service, txn, event)
            for handle in _concerned(service, txn, event):
                told.setdefault(handle, []).extend(_tell(service, event, handle))
            if event.is_leaving:
                service.went(event.room_id, event.event_id)
    except _NotYetError:
        return _not_yet()
    return HookAnswer(
        body=b"{}",
        content_type="application/json",
        events={handle: tuple(own) for handle, own in told.items() if own},
    )


def _note(service: Service, txn: str, event: Pushed) -> None:
    """Follow the accounts' own coming and going, and how many others are there."""
    who, room = event.state_key or "", event.room_id
    if event.membership == "invite" and service.has(who):
        service.invite(who, room)
    elif event.membership == "join" and service.has(who):
        # Its session counts after it has joined, so that it is counted already.
        service.enter(who, room)
    elif event.is_joining:
        service.came(room, event.event_id)
    elif event.membership in ("leave", "ban") and service.has(who):
        service.leave(who, room, txn)


def _concerned(service: Service, txn: str, event: Pushed) -> list[str]:
    if event.membership == "invite":
        return []  # its session tells it once it has joined, with what was said since
    return service.hearers(event.room_id, txn)


def _tell(service: Service, event: Pushed, handle: str) -> list[Event]:
    audience = service.audience(event.room_id)
    if audience is None:
        raise _NotYetError
    return timeline.tell(
        [event],
        room=event.room_id,
        me=handle,
        known=timeline.people([event]),
        audience=audience,
    )


def _not_yet() -> HookAnswer:
    return _refusal(503, "M_LIMIT_EXCEEDED")


def _refusal(status: int, code: str) -> HookAnswer:
    return _json(status, {"errcode": code, "error": "see the Application Service API"})


def _json(status: int, told: dict[str, str]) -> HookAnswer:
    return HookAnswer(status, json.dumps(told).encode(), "application/json")
