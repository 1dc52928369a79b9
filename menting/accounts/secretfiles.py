"""Secrets in files of their own: a column `token_file` names the file of a `token`."""

from dataclasses import replace
from pathlib import Path

from django.utils.translation import gettext
from pydantic import BaseModel, SecretStr

from menting.accounts.sheet import Row

ENDING = "_file"
#: A key in PEM has 3 kB; a larger file is some other file.
MOST_BYTES = 64 * 1024


def columns(model: type[BaseModel]) -> list[str]:
    """Return the columns that may name a file: one for each secret of a channel."""
    fields = model.model_fields.items()
    return [name + ENDING for name, field in fields if field.annotation is SecretStr]


def opened(row: Row, *, beside: Path) -> Row:
    """Return the row with its secrets read from the files it names, beside the roster."""
    cells = dict(row.cells)
    for column in _named(row):
        secret = column.removesuffix(ENDING)
        if secret in cells:
            told = gettext("has both %(one)s and %(other)s")
            return replace(row, problem=told % {"one": secret, "other": column})
        try:
            cells[secret] = _read(beside / str(cells.pop(column)))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            told = gettext("%(column)s cannot be read: %(why)s")
            return replace(row, problem=told % {"column": column, "why": why})
    return replace(row, cells=cells)


def refused(row: Row) -> Row:
    """Return the row with a problem if it names a file."""
    for column in _named(row):
        told = gettext("%(column)s names a file: that is for the command line only")
        return replace(row, problem=told % {"column": column})
    return row


def _named(row: Row) -> list[str]:
    return [name for name in row.cells if name.endswith(ENDING)]


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(gettext("it is larger than 64 KiB"))
    return content.decode().rstrip("\r\n")
