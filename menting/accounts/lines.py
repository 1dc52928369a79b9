"""One line of a roster: an account as it is to be, checked by its channel's columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext
from pydantic import BaseModel, SecretStr, ValidationError

from menting.accounts import secretfiles
from menting.accounts.sheet import RosterError, Row
from menting.channels import registry

REQUIRED = ("channel", "handle")
COMMON = (*REQUIRED, "name")
MOST_HANDLE, MOST_NAME = 255, 120


class BadLineError(Exception):
    """The line is rejected for this reason; it never holds a secret."""


@dataclass(frozen=True, slots=True)
class Line:
    """One good line: an account as it is to be."""

    number: int
    channel: str
    handle: str
    name: str
    secret: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


def check_heading(columns: tuple[str, ...]) -> None:
    """Raise RosterError unless the columns are ones that a roster has."""
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise RosterError(
            gettext(
                "The first line must name the columns; %(missing)s is missing. "
                "Needed: channel, handle, name and the channel's own, such as %(example)s."
            )
            % {"missing": ", ".join(missing), "example": ", ".join(_example())}
        )
    known = set(COMMON)
    for model in _models():
        known.update(model.model_fields, secretfiles.columns(model))
    unknown = [name for name in columns if name and name not in known]
    if unknown:
        raise RosterError(
            gettext("No channel has a column %(unknown)s. Known: %(known)s.")
            % {"unknown": ", ".join(unknown), "known": ", ".join(sorted(known))}
        )


def of(row: Row) -> Line:
    """Return the account of a line. Raises BadLineError with the reason."""
    if row.problem:
        raise BadLineError(row.problem)
    channel, handle, name = (_text(row.cells, column) for column in COMMON)
    if len(handle) > MOST_HANDLE or len(name) > MOST_NAME:
        raise BadLineError(gettext("the handle or the name is too long"))
    own = {key: said for key, said in row.cells.items() if key not in COMMON}
    secret, options = _own_columns(_model(channel), own)
    return Line(row.number, channel, handle, name, secret, options)


def checked(channel: str, cells: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets among a channel's own columns. Raises BadLineError."""
    secret, _ = _own_columns(_model(channel), cells)
    return secret


def _models() -> list[type[BaseModel]]:
    return [registry.get(name).secret_model for name in registry.names()]


def _example() -> list[str]:
    return [name for model in _models()[:1] for name in model.model_fields]


def _text(cells: Mapping[str, Any], column: str) -> str:
    text = cells.get(column, "")
    if not isinstance(text, str) or not text.isprintable():
        raise BadLineError(gettext("%(column)s is not plain text") % {"column": column})
    text = text.strip()
    if not text and column in REQUIRED:
        raise BadLineError(gettext("%(column)s is missing") % {"column": column})
    return text


def _model(channel: str) -> type[BaseModel]:
    if channel not in registry.names():
        raise BadLineError(
            gettext("there is no channel of this name; there are: %(channels)s")
            % {"channels": ", ".join(sorted(registry.names()))}
        )
    return registry.get(channel).secret_model


def _own_columns(
    model: type[BaseModel], cells: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, Any]]:
    unknown = sorted(set(cells) - set(model.model_fields))
    if unknown:
        # The name of a column is the file's own word only where its heading was checked.
        raise BadLineError(
            gettext("has a column that this channel has not: %(columns)s")
            % {"columns": ", ".join(_legible(name) for name in unknown)}
        )
    try:
        checked = model.model_validate(cells)
    except ValidationError as error:
        raise BadLineError(_explain(error, cells)) from None  # its text shows the input
    return _parted(checked)


def _legible(name: str) -> str:
    """Return a name that can be printed and stored: JSON may hold half a letter."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:40])


def _parted(checked: BaseModel) -> tuple[dict[str, str], dict[str, Any]]:
    """Divide the columns: a SecretStr is sealed, anything else is an option to be shown."""
    secret: dict[str, str] = {}
    hidden: set[str] = set()
    for name in type(checked).model_fields:
        said = getattr(checked, name)
        if isinstance(said, SecretStr):
            hidden.add(name)
            if said.get_secret_value():
                secret[name] = said.get_secret_value()
    return secret, checked.model_dump(mode="json", exclude=hidden, exclude_none=True)


def _explain(error: ValidationError, cells: Mapping[str, Any]) -> str:
    """Say what is wrong with which column, and nothing of what stands in it."""
    said: list[str] = []
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        column = ".".join(str(part) for part in item["loc"])
        problem = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            said.append(gettext("%(column)s is missing") % {"column": column})
        elif any(str(cell) in problem for cell in cells.values()):
            said.append(gettext("%(column)s is not valid") % {"column": column})
        else:
            said.append(f"{column}: {problem}" if column else problem)
    return "; ".join(said)
