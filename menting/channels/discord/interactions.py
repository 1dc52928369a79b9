"""Interactions that Discord sends by webhook: a command or a button that a person used.

https://docs.discord.com/developers/interactions/overview#preparing-for-interactions
"""

import json
import re
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from menting.channels.base import Event, EventType, Peer
from menting.channels.discord import events
from menting.channels.discord.events import User
from menting.channels.hook import (
    MOST_SKEW_SECONDS,
    ForgedError,
    Hook,
    HookAnswer,
    MalformedError,
)

PING, COMMAND, COMPONENT = 1, 2, 3
#: A guild, and the direct messages with the bot; the third context is a conversation of
#: other people, which is nothing of the account's.
GUILD, BOT_DM = 0, 1
#: Pong; a word that only the person sees; "seen", without a word.
PONG: dict[str, Any] = {"type": 1}
HELLO: dict[str, Any] = {"type": 4, "data": {"content": "👋", "flags": 1 << 6}}
SEEN: dict[str, Any] = {"type": 6}

_SIGNATURE, _TIME = re.compile(r"[0-9a-f]{128}"), re.compile(r"\d{1,12}", re.ASCII)


class Member(msgspec.Struct, frozen=True):
    """Who it was, in a guild."""

    user: User


class Interaction(msgspec.Struct, frozen=True):
    """One use of a command or button; `user` is told in direct messages alone."""

    id: str
    type: int
    channel_id: str = ""
    context: int | None = None
    user: User | None = None
    member: Member | None = None

    @property
    def person(self) -> User | None:
        """Return who it was."""
        return self.member.user if self.member is not None else self.user


def take(hook: Hook, public_key: str) -> tuple[HookAnswer, list[Event]]:
    """Return what Discord is answered, and what a person did.

    Raises ForgedError and MalformedError.
    """
    _prove(hook, public_key)
    try:
        told = msgspec.json.decode(hook.body, type=Interaction)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError("the body is no interaction") from error
    if told.type == PING:
        return _json(PONG), []
    if told.type not in (COMMAND, COMPONENT):
        raise MalformedError("Menting offers no such interaction")
    return _json(HELLO if told.type == COMMAND else SEEN), _events(told)


def _prove(hook: Hook, public_key: str) -> None:
    signature = hook.headers.get("x-signature-ed25519", "")
    stamp = hook.headers.get("x-signature-timestamp", "")
    if not (public_key and _SIGNATURE.fullmatch(signature) and _TIME.fullmatch(stamp)):
        raise ForgedError("no signature that could be proven")
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    try:
        key.verify(bytes.fromhex(signature), stamp.encode() + hook.body)
    except InvalidSignature as error:
        raise ForgedError("the signature is another's") from error
    if abs(hook.at.timestamp() - int(stamp)) > MOST_SKEW_SECONDS:
        raise ForgedError("the request is an old one")


def _events(told: Interaction) -> list[Event]:
    person = told.person
    if person is None or person.bot or told.context not in (GUILD, BOT_DM):
        return []
    try:
        at = events.made_at(told.id)
        events.made_at(told.channel_id)
    except ValueError as error:
        raise MalformedError("an id is no snowflake") from error
    is_direct = told.context == BOT_DM
    return [
        Event(
            id=told.id,
            type=EventType.JOINED,
            peer=Peer(told.channel_id, "user" if is_direct else "room"),
            sender=events.profile(person),
            at=at,
            audience=1 if is_direct else events.GUILD_AUDIENCE,
        )
    ]


def _json(answer: dict[str, Any]) -> HookAnswer:
    return HookAnswer(body=json.dumps(answer).encode(), content_type="application/json")
