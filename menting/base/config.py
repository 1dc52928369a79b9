"""Settings of one installation: `menting.toml` in the data folder, then `MENTING_*`."""

import os
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from typing_extensions import override

DEFAULT_FOLDER = "menting-data"
FILE_NAME = "menting.toml"


class BadSettingsError(Exception):
    """A setting cannot be used; the message names it, its source and the remedy."""


class Smtp(BaseModel):
    """The mail server for sign-in codes and notices; without it e-mail codes are hidden."""

    host: str
    port: int = 587
    user: str = ""
    password: SecretStr = SecretStr("")
    starttls: bool = True
    sender: str


class QQConnect(BaseModel):
    """The site's own entry at QQ Connect, by which visitors of spaces may sign in."""

    client_id: str
    client_secret: SecretStr
    #: For a test platform; people are sent here to sign in.
    api: str = "https://graph.qq.com"


class Settings(BaseSettings):
    """Everything an operator can set; each field is also `MENTING_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="MENTING_", env_nested_delimiter="__", extra="forbid"
    )

    data: Path = Path(DEFAULT_FOLDER)
    #: Where the state is: `postgresql://USER:PASSWORD@HOST/NAME`; empty: in the folder.
    database: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    #: Where people reach this installation; decides hosts, origins, cookies, WebAuthn.
    public_url: str = "http://localhost:8080"
    #: Addresses or networks whose X-Forwarded-For is believed; empty: nobody's.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    smtp: Smtp | None = None
    qq_connect: QQConnect | None = None
    #: Allows listening beyond loopback without https, for a proxy on another machine.
    insecure_bind: bool = False
    #: The vault's key as 64 hexadecimal digits; empty: `keys/vault.key` in the folder.
    vault_key: SecretStr = SecretStr("")
    #: The key before it, while `menting account rotate-key` seals all secrets anew.
    vault_key_old: SecretStr = SecretStr("")
    #: Rooms that people invite an account to are joined without asking an operator.
    accept_invitations: bool = True
    log_level: str = "INFO"
    #: Who reads `/metrics` sends it as a bearer token; empty: this machine alone may.
    metrics_token: SecretStr = SecretStr("")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(filter(None, value.replace(",", " ").split()))
            if isinstance(value, str)
            else value
        )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            ip_network(item, strict=False)
        return value

    @field_validator("database")
    @classmethod
    def _postgres(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and urlsplit(url).scheme not in ("postgresql", "postgres"):
            raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/NAME, or empty")
        return value

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path.strip("/")
        ):
            raise ValueError("must be http(s)://HOST[:PORT] without a path")
        return value.rstrip("/")

    @property
    def is_postgres(self) -> bool:
        """Say whether the state is in PostgreSQL, which several processes may share."""
        return bool(self.database.get_secret_value())

    @property
    def is_https(self) -> bool:
        """Say whether people reach this installation by https."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """Return the host name that people use, without a port."""
        return urlsplit(self.public_url).hostname or "localhost"

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, data_folder() / FILE_NAME)
        return init_settings, env_settings, toml


def package_folder() -> Path:
    """Return where the program's own templates, static files and words lie."""
    return Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """Return the data folder: `MENTING_DATA` (`--data` sets it), else `./menting-data`."""
    return Path(os.environ.get("MENTING_DATA", DEFAULT_FOLDER)).expanduser().resolve()


@cache
def current() -> Settings:
    """Return the settings of this process, read once.

    Raises BadSettingsError naming each setting that cannot be used.
    """
    try:
        return Settings(data=data_folder())
    except ValidationError as error:
        raise BadSettingsError(_explain(error)) from error
    except ValueError as error:
        raise BadSettingsError(f"{data_folder() / FILE_NAME}: {error}") from error


def _explain(error: ValidationError) -> str:
    lines = [
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
        for item in error.errors()
    ]
    return f"settings ({data_folder() / FILE_NAME} or MENTING_*): " + "; ".join(lines)
