"""Discord: sign bots in by their tokens, all over one connector."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from typing_extensions import override

from menting.base import config
from menting.base.pace import Rate
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.discord import intents, interactions
from menting.channels.discord.events import SNOWFLAKE
from menting.channels.discord.limits import BadRequests, Route
from menting.channels.discord.session import DiscordSession, shaped
from menting.channels.discord.side import Side
from menting.channels.discord.wire import Wire
from menting.channels.gateway import Gateway, Turnstile
from menting.channels.hook import Hook, HookAnswer, MalformedError
from menting.channels.http import Http, proven_not_sent

API = "https://discord.com/api/v10"


class DiscordSecret(BaseModel):
    """The columns of a roster line."""

    token: SecretStr = Field(
        description="the bot's token, from the Developer Portal", examples=["MTA1....Gx..."]
    )
    intents: str = Field(
        intents.DEFAULT,
        description=f"what the gateway is asked for, of: {', '.join(intents.BITS)}",
    )
    wall: str = Field(
        "",
        description="a text channel or forum of the bot's own guild to publish in, its id",
        examples=["1180123456789054321"],
    )
    guild: str = Field(
        "",
        description="a guild of the bot's own: who enters it becomes a contact; needs the "
        "privileged intent guild_members",
        examples=["1180123456789000001"],
    )
    public_key: str = Field(
        "",
        description="the application's public key, where its interactions are sent to "
        "/hooks/discord/ID of this installation",
        examples=["03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"],
    )
    api: str = Field(API, description="the API's address with its version", examples=[API])

    @field_validator("token")
    @classmethod
    def _token(cls, value: SecretStr) -> SecretStr:
        # aiohttp puts it into a header: no line break, and nothing that ends a word.
        if not re.fullmatch(r"[\w.~+/=-]+", value.get_secret_value(), re.ASCII):
            raise ValueError("a token has no blanks")
        return value

    @field_validator("api", "intents", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        """Take an empty cell for the default."""
        return cls.model_fields[info.field_name].default if value == "" else value

    @field_validator("api")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("must be http(s)://HOST/api/v10")
        return value.strip().rstrip("/")

    @field_validator("wall", "guild")
    @classmethod
    def _id(cls, value: str) -> str:
        if value and not SNOWFLAKE.fullmatch(value):
            raise ValueError("must be an id, a number")
        return value

    @field_validator("public_key")
    @classmethod
    def _key(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
            raise ValueError("must be 64 hexadecimal digits")
        return value.lower()

    @field_validator("intents")
    @classmethod
    def _known(cls, value: str) -> str:
        intents.bits(value)
        return value

    @model_validator(mode="after")
    def _hears_own_guild(self) -> Self:
        if self.guild and not intents.bits(self.intents) & intents.MEMBERS:
            self.intents = f"{self.intents} guild_members"
        return self


class Discord(base.Channel):
    """The Discord channel of one process."""

    name = "discord"
    caps = (
        (Cap.PROFILE | Cap.TEXT | Cap.WALL | Cap.IMAGE)
        | (Cap.BUTTON | Cap.FOLLOW | Cap.JOIN)
    )  # fmt: skip
    secret_model = DiscordSecret
    handle_example = "1180123456789012345"
    #: "All bots can make up to 50 requests per second"; the finer limits are told by the
    #: headers of the answers, and are not to be written down.
    rate = Rate.per(50, timedelta(seconds=1), burst=5)
    #: A nonce is "checked for uniqueness in the past few minutes" (`enforce_nonce`): two
    #: are the fewest that can be meant. Threads of a forum know none.
    keys = base.Keys(answers=timedelta(minutes=2), messages=timedelta(minutes=2))

    def __init__(self) -> None:
        self._http = Http()
        self._turnstiles: dict[str, Turnstile] = {}
        #: By host: it is the IP that Discord shuts out, and with it every account.
        self._bad: dict[str, BadRequests] = {}

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> DiscordSession:
        columns = _checked(account)
        wire = self._wire(columns)
        profile = await _sign_in(wire)
        if profile.id != account.handle:
            raise base.AuthFailed(f"the token is another bot's; its id is {profile.id}")
        side = Side(
            wire,
            columns.token.get_secret_value(),
            me=profile.id,
            guild=columns.guild,
            asked=intents.bits(columns.intents),
        )
        turnstile = self._turnstiles.setdefault(columns.api, Turnstile())
        gateway = Gateway(self._http, side, turnstile)
        return DiscordSession(
            wire, profile, gateway, wall=columns.wall, caps=_caps(columns)
        )

    @override
    async def aclose(self) -> None:
        await self._http.aclose()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(options.get("api") or API)

    @override
    def addressee(self, hook: Hook) -> str:
        if not SNOWFLAKE.fullmatch(hook.path):
            raise MalformedError("the path must be a bot's id")
        return hook.path

    @override
    def take_hook(self, hook: Hook, account: base.Account) -> HookAnswer:
        public_key = str(account.options.get("public_key", ""))
        answer, heard = interactions.take(hook, public_key)
        return replace(answer, events={account.handle: tuple(heard)})

    def _wire(self, columns: DiscordSecret) -> Wire:
        bad = self._bad.setdefault(columns.api, BadRequests())
        # Discord refuses clients that do not name themselves in this way.
        agent = f"DiscordBot ({config.current().public_url}, 1)"
        token = columns.token.get_secret_value()
        return Wire(self._http, columns.api, token, bad, agent=agent)


def _caps(columns: DiscordSecret) -> Cap:
    """Return what the columns allow; JOIN is for the gateway to grant."""
    caps = Discord.caps
    for column, cap in (
        (columns.wall, Cap.WALL),
        (columns.public_key, Cap.FOLLOW),
        (columns.guild, Cap.JOIN),
    ):
        caps = caps if column else caps & ~cap
    return caps


async def _sign_in(wire: Wire) -> base.Profile:
    with proven_not_sent():
        try:
            return shaped(await wire.call(Route("GET", "/users/@me")))
        except base.Refused as error:
            raise base.Unreachable(str(error)) from error


def _checked(account: base.Account) -> DiscordSecret:
    try:
        return DiscordSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret
