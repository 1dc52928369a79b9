"""WeCom: sign apps in, and give each callback to whom it concerns."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from typing_extensions import override

from menting.base import clock
from menting.base.pace import Rate
from menting.channels import base
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from menting.channels.http import Http, proven_not_sent
from menting.channels.wecom import callback, contacts, crypto, kf
from menting.channels.wecom.bell import Bell
from menting.channels.wecom.contacts import ContactsSession
from menting.channels.wecom.kf import KfSession
from menting.channels.wecom.wire import App, Tokens, Wire, objects, profile_of

HANDLE = re.compile(r"[\w-]+:[\w@.-]{1,64}")
API = "https://qyapi.weixin.qq.com"
KF_PREFIX = "wk"
#: WeCom's own table (path/90312) was not read: a careful figure, and a column.
CALLS_A_MINUTE = 600
LOOK_SECONDS = 300
#: A corp's customer-service accounts are listed once for all that sign in meanwhile.
LIST_FOR = timedelta(minutes=5)
LIST_PAGE = 100


class WeComSecret(BaseModel):
    """The columns of a roster line."""

    secret: SecretStr = Field(
        description="the secret of the app that may serve the account",
        examples=["Tt0dO3pHl2bKXo3-Yyt1vP9gI3mQFhJd4Mrq7dHu5Ws"],
        min_length=1,
    )
    callback_token: SecretStr = Field(
        SecretStr(""),
        description="the Token of the app's callbacks to PUBLIC_URL/hooks/wecom/HANDLE",
        examples=["QDG6eK"],
    )
    callback_key: SecretStr = Field(
        SecretStr(""),
        description="the EncodingAESKey of the app's callbacks",
        examples=["jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"],
    )
    kind: Literal["", "customer_service", "member"] = Field(
        "",
        description="empty: a NAME that begins with wk is a customer-service account",
        examples=["customer_service"],
    )
    api: str = Field(API, description="the address of WeCom's API", examples=[API])
    calls: int = Field(
        CALLS_A_MINUTE,
        ge=1,
        description="messages a minute of all the corp's accounts",
        examples=["600"],
    )
    look: int = Field(
        LOOK_SECONDS,
        ge=1,
        description="seconds between looks for what no callback told of",
        examples=["300"],
    )
    repeated_code: int = Field(
        0,
        ge=0,
        description="WeCom's error code for a msgid used before, where it is known",
        examples=["0"],
    )

    @field_validator("api", "calls", "look", "repeated_code", mode="before")
    @classmethod
    def _default(cls, value: object, found: Any) -> object:
        return cls.model_fields[found.field_name].default if value == "" else value

    @field_validator("api")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http(s)://HOST[:PORT]")
        return value.strip().rstrip("/")

    @field_validator("callback_key")
    @classmethod
    def _key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            crypto.aes_key(value.get_secret_value())
        return value


class WeCom(base.Channel):
    """The WeCom channel of one process."""

    name = "wecom"
    caps = kf.CAPS | contacts.CAPS
    secret_model = WeComSecret
    handle_example = "ww1a2b3c4d5e6f7a8b:wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
    #: No limit of one account is documented but five in a conversation.
    rate = Rate.per(1, timedelta(seconds=1), burst=10)
    #: A `msgid` is good once; mass messages are looked for among those of a day. A moment
    #: has neither a key nor a reader in its list.
    keys = base.Keys(answers=timedelta(hours=24), messages=contacts.LOOK_BACK)
    starts = base.Starts(at_once=8)

    def __init__(self) -> None:
        self._http = Http()
        self._tokens = Tokens(self._http)
        self._bells: WeakValueDictionary[str, Bell] = WeakValueDictionary()
        self._listed: dict[App, tuple[float, dict[str, base.Profile]]] = {}

    @override
    async def open(
        self, account: base.Account, keep: base.Keep
    ) -> KfSession | ContactsSession:
        secret = _checked(account)
        corp, _, name = account.handle.partition(":")
        app = App(secret.api, corp, secret.secret.get_secret_value())
        wire = Wire(self._http, self._tokens, app)
        is_kf = (secret.kind or _kind(name)) == "customer_service"
        with proven_not_sent():
            known = await (self._kf(wire, name) if is_kf else _member(wire, name))
        profile = replace(known, id=account.handle)
        bell = self._bells.setdefault(account.handle, Bell())
        if not is_kf:
            return ContactsSession(wire, profile, bell)
        return KfSession(
            wire, profile, bell, look=float(secret.look), repeated=secret.repeated_code
        )

    @override
    async def aclose(self) -> None:
        await self._http.aclose()

    @override
    def host(self, handle: str, options: Mapping[str, Any]) -> str:
        return handle.partition(":")[0]

    @override
    def bond(self, handle: str, options: Mapping[str, Any]) -> base.Bond:
        calls = int(options.get("calls") or CALLS_A_MINUTE)
        corp = handle.partition(":")[0]
        return base.Bond(f"wecom:{corp}", Rate.per(calls, timedelta(minutes=1), burst=50))

    @override
    def addressee(self, hook: Hook) -> str:
        if not HANDLE.fullmatch(hook.path):
            raise MalformedError("the address must end in CORPID:NAME")
        return hook.path

    @override
    def take_hook(self, hook: Hook, account: base.Account) -> HookAnswer:
        """Answer for all accounts of the app: WeCom calls one address for them."""
        secret = _checked(account)
        corp = account.handle.partition(":")[0]
        keys = callback.Keys(
            secret.callback_token.get_secret_value(),
            secret.callback_key.get_secret_value(),
            corp,
        )
        if not (keys.token and keys.aes_key):
            raise ForgedError("the account has no token and key for callbacks")
        message = callback.opened(hook, keys)
        if hook.method == "GET":
            return HookAnswer(body=message)
        told = callback.fields(message)
        if told.get("Event") == "kf_msg_or_event":
            return self._waits(corp, told)
        changed = callback.change(told, corp=corp)
        events = {f"{corp}:{changed[0]}": (changed[1],)} if changed else {}
        return HookAnswer(body=b"success", events=events)

    def _waits(self, corp: str, told: Mapping[str, str]) -> HookAnswer:
        handle = f"{corp}:{told.get('OpenKfId', '')}"
        # The token is for a session of this process; another looks without one.
        if (bell := self._bells.get(handle)) is not None:
            bell.ring(told.get("Token", ""))
        return HookAnswer(body=b"success", events={handle: ()}, nudge=True)

    async def _kf(self, wire: Wire, kf_id: str) -> base.Profile:
        now = clock.now().timestamp()
        until, listed = self._listed.get(wire.app, (0.0, {}))
        if now > until or kf_id not in listed:
            listed = await _listed(wire)
            self._listed[wire.app] = now + LIST_FOR.total_seconds(), listed
        if kf_id not in listed:
            raise base.AuthFailed("the app may not serve this customer-service account")
        return listed[kf_id]


def _kind(name: str) -> str:
    return "customer_service" if name.startswith(KF_PREFIX) else "member"


def _checked(account: base.Account) -> WeComSecret:
    if not HANDLE.fullmatch(account.handle):
        raise base.AuthFailed("the handle must be CORPID:NAME")
    try:
        return WeComSecret.model_validate({**account.options, **account.secret})
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_input=False))
        raise base.AuthFailed(reason) from None  # its own text repeats the secret


async def _listed(wire: Wire) -> dict[str, base.Profile]:
    found: dict[str, base.Profile] = {}
    while True:
        body = {"offset": len(found), "limit": LIST_PAGE}
        try:
            page = objects(await wire.call("kf/account/list", json=body), "account_list")
        except base.Refused as error:
            raise base.AuthFailed(str(error)) from error
        before = len(found)
        for shown in page:
            kf_id = str(shown.get("open_kfid"))
            found[kf_id] = profile_of(kf_id, shown, name="name")
        if len(page) < LIST_PAGE or len(found) == before:
            return found


async def _member(wire: Wire, userid: str) -> base.Profile:
    try:
        told = await wire.call("user/get", query={"userid": userid})
    except base.Refused as error:
        raise base.AuthFailed(str(error)) from error
    return profile_of(userid, told, name="name")
