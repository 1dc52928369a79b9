"""The columns of a roster line for an XMPP account."""

import ipaddress
from typing import Self

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)


class XmppSecret(BaseModel):
    """`password` for a client's account, or `component` with its secret."""

    password: SecretStr = Field(
        SecretStr(""), description="the account's password", examples=["correct horse"]
    )
    host: str = Field(
        "",
        description="the server's name, where its domain has no SRV record",
        examples=["xmpp.example.org"],
    )
    port: int = Field(
        5222,
        ge=1,
        le=65535,
        description="with host: 443 and 5223 mean TLS from the first byte, others STARTTLS",
        examples=["5222"],
    )
    tls: bool = Field(
        True,
        description="no: without TLS, to a server on this machine alone",
        examples=["yes"],
    )
    component: str = Field(
        "",
        description="instead of a password: where a server on this machine takes the "
        "domain as its component (XEP-0114), such as 127.0.0.1:5347",
    )
    component_secret: SecretStr = Field(
        SecretStr(""),
        description="the component's secret, the same in all lines",
        examples=["correct horse"],
    )
    microblog: bool = Field(
        False,
        description="yes: its wall is the account's microblog, open to everybody",
        examples=["no"],
    )
    accept_subscriptions: bool = Field(
        True,
        description="no: who asks to follow the account is not answered",
        examples=["yes"],
    )

    @field_validator("port", "tls", "microblog", "accept_subscriptions", mode="before")
    @classmethod
    def _empty(cls, value: object, about: ValidationInfo) -> object:
        field = cls.model_fields[str(about.field_name)]
        return field.default if value == "" else value

    @field_validator("component")
    @classmethod
    def _near(cls, value: str) -> str:
        if value and not is_loopback(value.rpartition(":")[0]):
            raise ValueError("a component's connection is plain: its host must be loopback")
        if value and not value.rpartition(":")[2].isdecimal():
            raise ValueError("must be HOST:PORT")
        return value

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        has_password = bool(self.password.get_secret_value())
        has_component = bool(self.component and self.component_secret.get_secret_value())
        if has_password == has_component:
            raise ValueError("password is needed, or component with component_secret")
        if not self.tls and not is_loopback(self.host):
            raise ValueError("without TLS, host must be loopback (127.0.0.1)")
        if self.component and self.microblog:
            raise ValueError("an address of a component has no microblog")
        return self


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without asking anybody."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
