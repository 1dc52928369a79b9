"""QQ: sign official bots in, all over one connector."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from typing_extensions import override

from menting.base.pace import Rate
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.gateway import Turnstile
from menting.channels.hook import ForgedError, Hook, HookAnswer
from menting.channels.http import Http, proven_not_sent
from menting.channels.qq import hook as hooks
from menting.channels.qq import intents
from menting.channels.qq.events import Bot
from menting.channels.qq.sending import Sending
from menting.channels.qq.session import QQSession, Side
from menting.channels.qq.token import AccessToken
from menting.channels.qq.wire import Wire

APPID = re.compile(r"\d{1,20}")


class QQSecret(BaseModel):
    """The columns of a roster line: `secret` is needed."""

    secret: SecretStr = Field(
        description="the bot's AppSecret", examples=["DG5g3B4j9X2KOErG"]
    )
    api: str = Field(
        "https://api.bot.qq.com",
        description="the host of the API, another one for a sandbox",
    )
    receive: Literal["socket", "webhook"] = Field(
        "socket",
        description="how events come: over a socket that Menting opens, or by webhooks",
    )
    intents: str = Field(
        intents.DEFAULT,
        description=f"what the socket asks for, of: {', '.join(intents.BITS)}",
    )
    certified: bool = Field(False, description="yes or no: certified bots may send more")
    wall: str = Field(
        "", description="the id of a forum channel of the bot's own", examples=["3200012"]
    )
    guild: str = Field(
        "",
        description="the id of a guild of the bot's own: it is told who enters there",
        examples=["7200345"],
    )

    @field_validator("secret")
    @classmethod
    def _needed(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("must not be empty")
        return value

    @field_validator("api", "receive", "intents", "certified", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        """Take an empty cell for the default."""
        return cls.model_fields[info.field_name].default if value == "" else value

    @field_validator("api")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http(s)://HOST[:PORT]")
        return value.strip().rstrip("/")

    @field_validator("intents")
    @classmethod
    def _known(cls, value: str) -> str:
        intents.bits(value)
        return value


class QQ(base.Channel):
    """The QQ channel of one process."""

    name = "qq"
    caps = (
        Cap.PROFILE
        | Cap.TEXT
        | Cap.WALL
        | Cap.IMAGE
        | Cap.BUTTON
        | Cap.FOLLOW
        | Cap.JOIN
        | Cap.INVITE
    )
    secret_model = QQSecret
    handle_example = "102012345"
    #: A bot that is not certified; the finer limits are counted by the session.
    rate = Rate.per(5, timedelta(seconds=1), burst=5)
    #: msg_id and msg_seq go out once, as long as the message may be answered: 5 min in a
    #: group, of which one is left for clocks and waiting.
    keys = base.Keys(answers=timedelta(minutes=4))

    def __init__(self) -> None:
        self._http = Http()
        self._turnstiles: dict[str, Turnstile] = {}
        #: A bot that signs in again, after its gateway was lost, has its token still.
        self._tokens: dict[tuple[str, str], AccessToken] = {}

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> QQSession:
        if not APPID.fullmatch(account.handle):
            raise base.AuthFailed("the handle must be the bot's appid, a number")
        columns = _checked(account)
        token = self._token(account.handle, columns)
        wire = Wire(self._http, columns.api, token)
        session = QQSession(
            wire,
            await _profile(account.handle, wire),
            Sending(wire, is_certified=columns.certified),
            wall=columns.wall,
        )
        if columns.receive == "webhook":
            return session
        side = Side(wire, _bot(account.handle, columns), intents.bits(columns.intents))
        turnstile = self._turnstiles.setdefault(columns.api, Turnstile())
        return session.through(self._http, side, turnstile)

    @override
    async def aclose(self) -> None:
        self._tokens.clear()
        await self._http.aclose()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(options.get("api", self.name))

    @override
    def addressee(self, hook: Hook) -> str:
        return hooks.addressee(hook)

    @override
    def take_hook(self, hook: Hook, account: base.Account) -> HookAnswer:
        try:
            columns = _checked(account)
        except base.AuthFailed as error:
            raise ForgedError("the bot has no secret here") from error
        bot = _bot(account.handle, columns)
        return hooks.take(hook, columns.secret.get_secret_value(), bot)

    def _token(self, appid: str, columns: QQSecret) -> AccessToken:
        secret = columns.secret.get_secret_value()
        known = self._tokens.get((columns.api, appid))
        if known is None or known.secret != secret:
            known = AccessToken(self._http, columns.api, appid=appid, secret=secret)
            self._tokens[columns.api, appid] = known
        return known


async def _profile(appid: str, wire: Wire) -> base.Profile:
    """Ask for the bot's name; its id on QQ is the appid, of which no call speaks."""
    try:
        with proven_not_sent():
            told = await wire.call("GET", "/users/@me")
    except base.Refused:  # not granted to this bot; it can live without a name
        return base.Profile(appid)
    name, avatar = told.get("username"), told.get("avatar")
    return base.Profile(
        appid,
        name=name if isinstance(name, str) else None,
        avatar=avatar if isinstance(avatar, str) else None,
    )


def _bot(appid: str, columns: QQSecret) -> Bot:
    return Bot(appid, guild=columns.guild)


def _checked(account: base.Account) -> QQSecret:
    try:
        return QQSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret
