"""Telegram: sign bots in by their tokens, and prove the webhooks that they get."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from typing_extensions import override

from menting.base import config
from menting.base.pace import Rate
from menting.channels import base, hook
from menting.channels.base import Cap
from menting.channels.http import Http, proven_not_sent
from menting.channels.telegram import shapes, updates
from menting.channels.telegram.receive import Receiver
from menting.channels.telegram.session import TelegramSession
from menting.channels.telegram.shapes import User
from menting.channels.telegram.wire import Wire

API = "https://api.telegram.org"
PLACE = re.compile(r"@[A-Za-z]\w{3,31}|-100\d{5,}")
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # a header's name


class TelegramSecret(BaseModel):
    """The columns of a roster line."""

    token: SecretStr = Field(
        description="the bot's token, as @BotFather shows it",
        examples=["7042137000:AAE..."],
    )
    receive: Literal["poll", "webhook"] = Field(
        "poll",
        description="poll, or webhook: no connection is held, but public_url must be https",
        examples=["poll", "webhook"],
    )
    wall: str = Field(
        "",
        description="a channel of the bot's own to publish on, as @NAME or -100…",
        examples=["@shop_news"],
    )
    group: str = Field(
        "",
        description="a group where the bot is an admin, whose newcomers become contacts",
        examples=["-1001234567890"],
    )
    api: str = Field(
        API, description="the Bot API's address, if you run a server of it", examples=[API]
    )

    @field_validator("token")
    @classmethod
    def _token(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"\d+:[\w-]+", value.get_secret_value(), re.ASCII):
            raise ValueError("a token is NUMBER:LETTERS")
        return value

    @field_validator("wall", "group")
    @classmethod
    def _place(cls, value: str) -> str:
        if value and not PLACE.fullmatch(value):
            raise ValueError("must be @NAME or -100…, the id of a channel or group")
        return value

    @field_validator("receive", mode="before")
    @classmethod
    def _receive(cls, value: object) -> object:
        return value or "poll"

    @field_validator("api")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value or API)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("must be http(s)://HOST[:PORT]")
        return (value or API).rstrip("/")

    def places(self) -> frozenset[str]:
        """Return the account's own channel and group, by whose updates people come."""
        return frozenset(place.lower() for place in (self.wall, self.group) if place)


class Telegram(base.Channel):
    """The Telegram channel of one process."""

    name = "telegram"
    caps = (
        (Cap.PROFILE | Cap.TEXT | Cap.WALL | Cap.IMAGE)
        | (Cap.BUTTON | Cap.FOLLOW | Cap.JOIN | Cap.INVITE)
    )  # fmt: skip
    secret_model = TelegramSecret
    handle_example = "7042137000"
    #: "No more than 30 messages per second" to all chats together (Telegram's bot FAQ).
    rate = Rate.per(30, timedelta(seconds=1), burst=5)
    #: The Bot API knows no keys (tdlib/telegram-bot-api issues 126 and 482), and a bot
    #: cannot read back what it wrote.
    keys = base.Keys()

    def __init__(self) -> None:
        # No limit: each bot's long poll holds one connection all the time.
        self._http = Http()

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> TelegramSession:
        secret = _checked(account)
        token = secret.token.get_secret_value()
        wire = Wire(self._http, secret.api, token)
        me = await _sign_in(wire)
        if str(me.id) != account.handle:
            raise base.AuthFailed(f"the token is another bot's; its id is {me.id}")
        receiver = Receiver(
            wire,
            url=f"{config.current().public_url}/hooks/{self.name}/{account.handle}",
            proof=hook_secret(token),
            is_called=secret.receive == "webhook",
            places=secret.places(),
        )
        return TelegramSession(
            wire, me, receiver, wall=secret.wall, hears_joins=bool(secret.places())
        )

    @override
    async def aclose(self) -> None:
        await self._http.aclose()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(options.get("api") or API)

    @override
    def addressee(self, hook_: hook.Hook) -> str:
        if not re.fullmatch(r"\d+", hook_.path, re.ASCII):
            raise hook.MalformedError("the path must be a bot's id")
        return hook_.path

    @override
    def take_hook(self, hook_: hook.Hook, account: base.Account) -> hook.HookAnswer:
        """Prove by the secret that `setWebhook` gave.

        No time is signed: an old request brings an update with a number that is known.
        """
        secret = _proving(account)
        proof = hook_.headers.get(SECRET_HEADER, "").encode()
        wanted = hook_secret(secret.token.get_secret_value()).encode()
        if not hmac.compare_digest(proof, wanted):
            raise hook.ForgedError("the secret token is not the one that was agreed")
        try:
            told = json.loads(hook_.body)
        except (ValueError, RecursionError) as error:
            raise hook.MalformedError("the body is no JSON") from error
        if updates.number(told) < 0:
            raise hook.MalformedError("the body is no update")
        events = updates.tell(told, places=secret.places())
        return hook.HookAnswer(events={account.handle: tuple(events)})


def _proving(account: base.Account) -> TelegramSecret:
    try:
        return _checked(account)
    except base.AuthFailed as error:
        raise hook.ForgedError(f"nothing to prove it by: {error}") from error


def hook_secret(token: str) -> str:
    """Return what Telegram is to send with each webhook; nobody else can derive it."""
    purpose = b"menting telegram webhook"
    return hmac.new(token.encode(), purpose, hashlib.sha256).hexdigest()


async def _sign_in(wire: Wire) -> User:
    with proven_not_sent():
        try:
            return shapes.user(await wire.call("getMe"))
        except base.Refused as error:
            raise base.Unreachable(str(error)) from error


def _checked(account: base.Account) -> TelegramSecret:
    try:
        return TelegramSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret
