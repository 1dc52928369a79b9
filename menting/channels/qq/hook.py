"""Webhooks of QQ: one address for all bots, each proven by the bot's own secret.

https://bot.q.qq.com/wiki/develop/api-v2/dev-prepare/interface-framework/sign.html
"""

import re
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from menting.channels.hook import (
    MOST_SKEW_SECONDS,
    ForgedError,
    Hook,
    HookAnswer,
    MalformedError,
)
from menting.channels.line import Payload
from menting.channels.qq import events
from menting.channels.qq.events import Bot

SEED_BYTES = 32
DISPATCH, ACK, CHECK = 0, 12, 13

_APPID = re.compile(r"\d{1,20}")
#: What QQ lets us sign when it checks the address. No word of it can begin a JSON object,
#: so that nobody gets a signature out of us that would prove an event of theirs.
_TOKEN, _TIME = re.compile(r"[A-Za-z0-9_+./=-]{1,256}"), re.compile(r"\d{1,16}")


def addressee(hook: Hook) -> str:
    """Return the appid that a webhook names. Raises MalformedError."""
    appid = hook.headers.get("x-bot-appid", "")
    if not _APPID.fullmatch(appid):
        raise MalformedError("X-Bot-Appid names no bot")
    return appid


def take(hook: Hook, secret: str, bot: Bot) -> HookAnswer:
    """Return what QQ is answered, and what it told. Raises ForgedError, MalformedError."""
    key = key_of(secret)
    is_signed = "x-signature-ed25519" in hook.headers
    if is_signed:
        _prove(hook, key)
    told = _parsed(hook.body)
    if told.op == CHECK:
        return _check(hook, told.d, key)
    if not is_signed:
        raise ForgedError("no signature")
    if told.op != DISPATCH or not isinstance(told.t, str):
        raise MalformedError("no dispatch")
    envelope = told.id if isinstance(told.id, str) else ""
    heard = events.tell(told.t, told.d, envelope=envelope, bot=bot)
    return _json({"op": ACK}, {bot.appid: tuple(heard)})


def key_of(secret: str) -> Ed25519PrivateKey:
    """Return the key pair of a secret, repeated until it fills the seed."""
    raw = secret.encode()
    if not raw:
        raise ForgedError("the bot has no secret here")
    seed = (raw * (SEED_BYTES // len(raw) + 1))[:SEED_BYTES]
    return Ed25519PrivateKey.from_private_bytes(seed)


def _prove(hook: Hook, key: Ed25519PrivateKey) -> None:
    stamp = hook.headers.get("x-signature-timestamp", "")
    if not _TIME.fullmatch(stamp):
        raise ForgedError("no time is signed")
    if abs(hook.at.timestamp() - int(stamp)) > MOST_SKEW_SECONDS:
        raise ForgedError("the signed time is not now")
    try:
        signature = bytes.fromhex(hook.headers["x-signature-ed25519"])
        key.public_key().verify(signature, stamp.encode() + hook.body)
    except (InvalidSignature, ValueError) as error:
        raise ForgedError("the signature is not QQ's") from error


def _parsed(body: bytes) -> Payload:
    try:
        return msgspec.json.decode(body, type=Payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError("no JSON object with an op") from error


def _check(hook: Hook, asked: Any, key: Ed25519PrivateKey) -> HookAnswer:
    """Answer the check of the address (op 13), which need not be signed."""
    asked = asked if isinstance(asked, dict) else {}
    token, stamp = str(asked.get("plain_token", "")), str(asked.get("event_ts", ""))
    if not _TOKEN.fullmatch(token) or not _TIME.fullmatch(stamp):
        raise MalformedError("a check without token and time")
    if abs(hook.at.timestamp() - int(stamp)) > MOST_SKEW_SECONDS:
        raise ForgedError("the time of the check is not now")
    signature = key.sign((stamp + token).encode()).hex()
    return _json({"plain_token": token, "signature": signature}, {})


def _json(body: dict[str, Any], told: dict[str, tuple[Any, ...]]) -> HookAnswer:
    return HookAnswer(
        200, msgspec.json.encode(body), "application/json; charset=utf-8", events=told
    )
