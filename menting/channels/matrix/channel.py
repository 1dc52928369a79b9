"""Matrix: sign accounts in at their homeservers over one shared connector."""

import re
from collections import defaultdict
from collections.abc import Mapping
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
from menting.channels.hook import Hook, HookAnswer
from menting.channels.http import Http, proven_not_sent
from menting.channels.matrix import push
from menting.channels.matrix.login import Login
from menting.channels.matrix.masquerade import Masquerade
from menting.channels.matrix.served import ServedSession
from menting.channels.matrix.service import Service
from menting.channels.matrix.session import MatrixSession, fetch_profile
from menting.channels.matrix.wire import Caller, Wire

HANDLE = re.compile(r"@[^\s:]+:\S+")


class MatrixSecret(BaseModel):
    """The columns of a roster line: `password`, `token` or `as_token` is needed."""

    homeserver: str = Field(
        description="the homeserver's address", examples=["https://matrix.example.org"]
    )
    password: SecretStr = Field(
        SecretStr(""), description="the account's password, unless there is a token"
    )
    token: SecretStr = Field(SecretStr(""), description="an access token")
    appservice: str = Field(
        "", description="the id of the application service that the account belongs to"
    )
    as_token: SecretStr = Field(
        SecretStr(""), description="the service's own token, as in its registration"
    )
    hs_token: SecretStr = Field(
        SecretStr(""),
        description="the homeserver's token; needed for the account named in the address",
    )
    wall: str = Field(
        "",
        description="a public room of the account's own, as !ID or #ALIAS:SERVER",
        examples=["#shop:example.org"],
    )
    accept_invitations: bool | None = Field(
        None, description="yes or no; empty: as the house's setting says"
    )

    @field_validator("accept_invitations", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("homeserver")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http(s)://HOST[:PORT]")
        return value.strip().rstrip("/")

    @field_validator("wall")
    @classmethod
    def _room(cls, value: str) -> str:
        if value and value[0] not in "!#":
            raise ValueError("must be a room: !ID or #ALIAS:SERVER")
        return value

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if bool(self.appservice) != bool(self.as_token.get_secret_value()):
            raise ValueError("appservice and as_token need each other")
        given = (self.password, self.token, self.as_token)
        if not any(one.get_secret_value() for one in given):
            raise ValueError("password, token or as_token is needed")
        return self


class Matrix(base.Channel):
    """The Matrix channel of one process."""

    name = "matrix"
    caps = (
        base.Cap.PROFILE | base.Cap.TEXT | base.Cap.WALL | base.Cap.FOLLOW | base.Cap.JOIN
    )
    secret_model = MatrixSecret
    handle_example = "@shop:example.org"
    #: Each homeserver has a limit of its own (Synapse: 0.2/s after 10) and says so by 429;
    #: this one only keeps an account from running into it at once.
    rate = Rate.per(1, timedelta(seconds=1), burst=10)
    #: Synapse remembers a transaction id for 24 h; an hour is left for clocks and waiting.
    keys = base.Keys(*(timedelta(hours=23),) * 3)
    #: A homeserver takes 70 to 140 sign-ins a second, one after another; so many under way
    #: let their tokens be stored in common transactions.
    starts = base.Starts(at_once=32)

    #: A push of a homeserver has up to 100 events of 64 KiB (spec: size limits).
    most_hook_bytes = 8 * 1024 * 1024

    def __init__(self) -> None:
        # No limit: each account's long poll holds one connection all the time.
        self._http = Http()
        self._services: defaultdict[tuple[str, str], Service] = defaultdict(Service)

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> MatrixSession:
        secret = _checked(account)
        wire = Wire(self._http, secret.homeserver)
        if secret.appservice:
            return await self._open_served(
                Masquerade(wire, account, _token(secret)), secret
            )
        login = Login(wire, account, keep)
        await login.sign_in()
        profile = await _own_profile(login)
        return MatrixSession(
            login, profile, wall=secret.wall, takes_invitations=_takes_invitations(secret)
        )

    @override
    async def aclose(self) -> None:
        for service in self._services.values():
            service.close()
        self._services.clear()
        await self._http.aclose()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(options["homeserver"])

    @override
    def bond(self, handle: str, options: Mapping[str, Any]) -> base.Bond | None:
        # What is pushed to one process concerns accounts whose sessions must be there.
        service = options.get("appservice")
        name = f"{options['homeserver']} {service}"
        return base.Bond(name, one_holder=True) if service else None

    @override
    def addressee(self, hook: Hook) -> str:
        return push.addressee(hook)

    @override
    def take_hook(self, hook: Hook, account: base.Account) -> HookAnswer:
        told = account.options
        service = self._services[str(told["homeserver"]), str(told.get("appservice"))]
        return push.take(service, hook, account)

    async def _open_served(self, acts: Masquerade, secret: MatrixSecret) -> ServedSession:
        await acts.sign_in()
        return ServedSession(
            acts,
            self._services[secret.homeserver, secret.appservice],
            await _own_profile(acts),
            wall=secret.wall,
            takes_invitations=_takes_invitations(secret),
        )


async def _own_profile(login: Caller) -> base.Profile:
    with proven_not_sent():
        return await fetch_profile(login, login.user)


def _token(secret: MatrixSecret) -> str:
    return secret.as_token.get_secret_value()


def _takes_invitations(secret: MatrixSecret) -> bool:
    if secret.accept_invitations is None:
        return config.current().accept_invitations
    return secret.accept_invitations


def _checked(account: base.Account) -> MatrixSecret:
    if not HANDLE.fullmatch(account.handle):
        raise base.AuthFailed("the handle must be a full Matrix id, @name:server")
    try:
        return MatrixSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret
