"""What a roster of one channel looks like: its columns, what they mean, and an example."""

import csv
import io
from dataclasses import dataclass

from pydantic import SecretStr

from menting.channels import registry


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a channel's roster."""

    name: str
    is_secret: bool
    is_needed: bool
    description: str
    example: str


def columns(channel: str) -> list[Column]:
    """Return the columns in their order. Raises registry.UnknownChannelError."""
    made = registry.get(channel)
    common = [
        Column("channel", False, True, "the channel's name", channel),
        Column("handle", False, True, "the account's name there", made.handle_example),
        Column("name", False, False, "what the house calls it", ""),
    ]
    return common + [
        Column(
            name=name,
            is_secret=field.annotation is SecretStr,
            is_needed=field.is_required(),
            description=field.description or "",
            example=str((field.examples or [""])[0]),
        )
        for name, field in made.secret_model.model_fields.items()
    ]


def text(channel: str) -> str:
    """Return the roster as CSV: a heading and one line, its secrets left empty.

    Raises registry.UnknownChannelError.
    """
    asked = columns(channel)
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(column.name for column in asked)
    rows.writerow("" if column.is_secret else column.example for column in asked)
    return written.getvalue()
