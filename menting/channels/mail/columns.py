"""The columns of a mail account's roster line, and the servers they name."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator


class Tls(StrEnum):
    """How a connection is protected."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # asked for before the sign-in, never gone without
    NONE = "none"  # to loopback only


@dataclass(frozen=True, slots=True)
class Server:
    """Where an account sends or reads its mail."""

    host: str
    port: int
    tls: Tls


#: RFC 8314, RFC 6409, RFC 9051.
_SMTP_PORTS = {Tls.TLS: 465, Tls.STARTTLS: 587, Tls.NONE: 25}
_IMAP_PORTS = {Tls.TLS: 993, Tls.STARTTLS: 143, Tls.NONE: 143}


class MailSecret(BaseModel):
    """The columns of a roster line; `handle` is the mail address."""

    password: SecretStr = Field(
        description="the mailbox's password, or one made for programs",
        examples=["app-password"],
    )
    smtp_host: str = Field(
        description="the server that takes mail", examples=["smtp.example.org"]
    )
    smtp_port: int = Field(
        0, description="its port; empty: 465, or 587 for starttls", ge=0, le=65535
    )
    smtp_tls: Tls = Field(
        Tls.TLS, description="tls, starttls or none (loopback only)", examples=["tls"]
    )
    imap_host: str = Field(
        description="the server that holds the mailbox", examples=["imap.example.org"]
    )
    imap_port: int = Field(
        0, description="its port; empty: 993, or 143 for starttls", ge=0, le=65535
    )
    imap_tls: Tls = Field(
        Tls.TLS, description="tls, starttls or none (loopback only)", examples=["tls"]
    )
    user: str = Field("", description="the name to sign in with, if not the address")
    dkim_selector: str = Field(
        "", description="the selector (such as s1) of a DKIM key in the domain's DNS"
    )
    dkim_key: SecretStr = Field(
        SecretStr(""), description="that key's private half, PEM, for mails signed here"
    )
    per_hour: int = Field(
        0, description="mails an hour that the provider allows this account", ge=0
    )
    domain_per_hour: int = Field(
        0, description="or all accounts of its domain at that server together", ge=0
    )

    @field_validator("smtp_tls", "imap_tls", mode="before")
    @classmethod
    def _usual(cls, value: object) -> object:
        return Tls.TLS if value == "" else value

    @field_validator("smtp_port", "imap_port", "per_hour", "domain_per_hour", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return 0 if value == "" else value

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for server in (self.smtp, self.imap):
            if server.tls is Tls.NONE and not _is_loopback(server.host):
                raise ValueError("without TLS only a server on this machine may be used")
            if server.tls is Tls.STARTTLS and server.port in (465, 993):
                raise ValueError(f"port {server.port} is for tls, not for starttls")
        if bool(self.dkim_selector) != bool(self.dkim_key.get_secret_value()):
            raise ValueError("dkim_selector and dkim_key belong together")
        if self.per_hour and self.domain_per_hour:
            raise ValueError("give either per_hour or domain_per_hour")
        return self

    @property
    def smtp(self) -> Server:
        """Return the server that takes mail."""
        port = self.smtp_port or _SMTP_PORTS[self.smtp_tls]
        return Server(self.smtp_host, port, self.smtp_tls)

    @property
    def imap(self) -> Server:
        """Return the server that holds the mailbox."""
        port = self.imap_port or _IMAP_PORTS[self.imap_tls]
        return Server(self.imap_host, port, self.imap_tls)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
