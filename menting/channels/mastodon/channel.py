"""Mastodon: sign accounts in at their servers by the tokens of an application."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from typing_extensions import override

from menting.base import clock
from menting.base.pace import Rate
from menting.channels import base
from menting.channels.http import Http, proven_not_sent
from menting.channels.mastodon import session
from menting.channels.mastodon.session import Host, MastodonSession, Terms, profile_of
from menting.channels.mastodon.statuses import KEY_FOR, Limits, Statuses
from menting.channels.mastodon.wire import Wire

HANDLE = re.compile(r"@[\w.-]+@[\w.-]+(?::\d+)?")
#: docs.joinmastodon.org/api/rate-limits: calls an account and an IP may make.
WINDOW = timedelta(minutes=5)
CALLS = 300
#: Of them, half are kept for reading.
SHARE = 2
RULES_FOR = timedelta(hours=1)


class MastodonSecret(BaseModel):
    """The columns of a roster line."""

    server: str = Field(
        description="the server's address", examples=["https://mastodon.example"]
    )
    token: SecretStr = Field(
        description="an access token of the account with read and write",
        examples=["ZA-Yj3aBD8U8Cm7lKUp-lm9O9BmDgdhHzDeqsY8tlL0"],
        min_length=1,
    )
    visibility: Literal["public", "unlisted", "private"] = Field(
        "public", description="who sees the account's posts", examples=["public"]
    )
    calls: int = Field(
        CALLS,
        ge=1,
        description="calls in five minutes that the server allows one IP",
        examples=["300"],
    )

    @field_validator("visibility", "calls", mode="before")
    @classmethod
    def _default(cls, value: object, found: Any) -> object:
        return cls.model_fields[found.field_name].default if value == "" else value

    @field_validator("server")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http(s)://HOST[:PORT]")
        return value.strip().rstrip("/")


class Rules(NamedTuple):
    """What a server says of itself, and until when that is believed."""

    domain: str
    streaming: str
    limits: Limits
    until: datetime


class Mastodon(base.Channel):
    """The Mastodon channel of one process."""

    name = "mastodon"
    caps = session.CAPS
    secret_model = MastodonSecret
    handle_example = "@shop@mastodon.example"
    rate = Rate.per(CALLS // SHARE, WINDOW, burst=30)
    keys = base.Keys(*(KEY_FOR,) * 3)
    #: A sign-in takes three calls, of which an IP has 300 in five minutes.
    starts = base.Starts(at_once=8, gap=0.5)

    def __init__(self) -> None:
        self._http = Http()
        self._rules: dict[str, Rules] = {}
        self._hosts: defaultdict[str, Host] = defaultdict(Host)

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> MastodonSession:
        secret = _checked(account)
        wire = Wire(self._http, secret.server, secret.token.get_secret_value())
        with proven_not_sent():
            told = await _signed_in(wire)
            rules = await self._rules_of(wire)
        profile = _own(account.handle, told, rules)
        terms = Terms(
            self._hosts[secret.server],
            # All looks at a host take half of what an IP may call.
            each=WINDOW.total_seconds() * SHARE / secret.calls,
            streaming=rules.streaming,
            visibility=secret.visibility,
        )
        host = account.handle.rpartition("@")[2]
        statuses = Statuses(wire, str(told.get("id")), rules.limits, host=host)
        return MastodonSession(wire, profile, statuses, terms)

    @override
    async def aclose(self) -> None:
        await self._http.aclose()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return str(options["server"])

    @override
    def bond(self, handle: str, options: Mapping[str, Any]) -> base.Bond:
        host = str(options["server"])
        calls = int(options.get("calls") or CALLS)
        rate = Rate.per(max(1, calls // SHARE), WINDOW, burst=30)
        return base.Bond(f"mastodon:{host}", rate)

    async def _rules_of(self, wire: Wire) -> Rules:
        known = self._rules.get(wire.server)
        if known is None or known.until < clock.now():
            try:
                told = await wire.one("GET", "/api/v2/instance")
            except base.Refused:
                told = {}  # before Mastodon 4.0
            known = _rules(told, wire.server)
            self._rules[wire.server] = known
        return known


def _checked(account: base.Account) -> MastodonSecret:
    if not HANDLE.fullmatch(account.handle):
        raise base.AuthFailed("the handle must be @name@server")
    try:
        return MastodonSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret


async def _signed_in(wire: Wire) -> dict[str, Any]:
    try:
        return await wire.one("GET", "/api/v1/accounts/verify_credentials")
    except base.Refused as error:
        raise base.AuthFailed(str(error)) from error


def _own(handle: str, told: dict[str, Any], rules: Rules) -> base.Profile:
    theirs = f"@{told.get('username')}@{rules.domain or handle.rpartition('@')[2]}"
    if theirs.lower() != handle.lower():
        raise base.AuthFailed("the token belongs to another account")
    return profile_of(handle, told)


def _rules(told: dict[str, Any], server: str) -> Rules:
    configuration = _object(told, "configuration")
    statuses, urls = _object(configuration, "statuses"), _object(configuration, "urls")
    default = Limits()
    return Rules(
        str(told.get("domain") or ""),
        streaming(urls.get("streaming"), server),
        Limits(
            _number(statuses, "max_characters", default.characters),
            _number(statuses, "characters_reserved_per_url", default.url_length),
        ),
        clock.now() + RULES_FOR,
    )


def streaming(told: object, server: str) -> str:
    """Return where the stream is; a token goes nowhere in the clear that came sealed."""
    if not isinstance(told, str) or not told:
        return server
    is_sealed = urlsplit(told).scheme in ("wss", "https")
    return told if is_sealed or not server.startswith("https:") else server


def _object(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def _number(told: dict[str, Any], name: str, default: int) -> int:
    value = told.get(name)
    return value if isinstance(value, int) and value > 0 else default
