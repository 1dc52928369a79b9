"""WeCom's callbacks: proven and opened, then what they say of customers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from xml.parsers import expat

from menting.channels import base
from menting.channels.base import EventType
from menting.channels.hook import MOST_SKEW_SECONDS, ForgedError, Hook, MalformedError
from menting.channels.wecom import crypto

#: What members and customers did; what is done by the API is not called back (path/92130).
CHANGES = {
    "add_external_contact": EventType.JOINED,
    "add_half_external_contact": EventType.JOINED,
    "del_external_contact": EventType.LEFT,
    "del_follow_user": EventType.LEFT,
}
_FIELD_DEPTH = 2


class Keys(NamedTuple):
    """What an app's callbacks are proven and opened with."""

    token: str
    aes_key: str
    corp: str


def opened(hook: Hook, keys: Keys) -> bytes:
    """Return the message within a request that is proven to be WeCom's, and new.

    Raises ForgedError, and MalformedError when there is no envelope.
    """
    encrypted = _envelope(hook)
    given, timestamp, nonce = (
        hook.query.get(name, "") for name in ("msg_signature", "timestamp", "nonce")
    )
    if not crypto.is_signed(given, keys.token, timestamp, nonce, encrypted):
        raise ForgedError("the signature is wrong")
    if not timestamp.isdecimal() or _skew(hook, int(timestamp)) > MOST_SKEW_SECONDS:
        raise ForgedError("the request is old")
    return crypto.decrypt(keys.aes_key, encrypted, receiver=keys.corp)


def fields(xml: bytes) -> dict[str, str]:
    """Return the texts below the root by name.

    Raises MalformedError; a document type, which could make entities, is not read.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(xml, True)
    except (expat.ExpatError, ValueError) as error:
        raise MalformedError(f"this is no XML of WeCom's: {error}") from error
    return reader.fields


def change(told: Mapping[str, str], *, corp: str) -> tuple[str, base.Event] | None:
    """Return the member and what a customer did to them, None for anything else.

    Raises MalformedError.
    """
    kind = CHANGES.get(told.get("ChangeType", ""))
    if told.get("Event") != "change_external_contact" or kind is None:
        return None
    try:
        member, person, seconds = told["UserID"], told["ExternalUserID"], told["CreateTime"]
        at = datetime.fromtimestamp(int(seconds), UTC)
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise MalformedError("the event lacks a field") from error
    # A callback is repeated three times; the documentation tells it by these.
    event_id = f"{told['ChangeType']}:{member}:{person}:{seconds}"
    return member, base.Event(
        event_id,
        kind,
        base.Peer(person, "user"),
        base.Profile(person, scope=corp),
        at,
        source=told.get("State", ""),
    )


class _Reader:
    """Collects the texts one level below the root."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._depth, self._name = 0, ""
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == _FIELD_DEPTH:
            self._name = name
            self.fields[name] = ""

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _data(self, text: str) -> None:
        if self._depth == _FIELD_DEPTH:
            self.fields[self._name] += text

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type")


def _envelope(hook: Hook) -> str:
    """Return what is encrypted: the check of an address brings it in the query.

    The signature is over this text, so the outer XML is read before anything is proven:
    flat, of 1 MiB at most, and without document types.
    """
    if hook.method == "GET":
        encrypted = hook.query.get("echostr", "")
    else:
        encrypted = fields(hook.body).get("Encrypt", "")
    if not encrypted:
        raise MalformedError("there is no envelope")
    return encrypted


def _skew(hook: Hook, timestamp: int) -> float:
    return abs(hook.at.timestamp() - timestamp)
