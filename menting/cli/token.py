"""`menting token`: keys for programs that use the API."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from menting.cli import out, ready

if TYPE_CHECKING:
    from menting.users.models import User
    from menting.users.tokens import Made

app = typer.Typer(no_args_is_help=True, help="Keys for programs that use the API.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
@out.command_errors()
def create(
    name: Annotated[str, typer.Option(help="What will use it; stands in the audit log.")],
    scope: Annotated[list[str], typer.Option(help="Such as accounts:read; repeatable.")],
    days: Annotated[int, typer.Option(help="How long it lasts; at most 365.")] = 90,
    owner: Annotated[
        str, typer.Option(metavar="EMAIL", help="For whom it acts; else the first owner.")
    ] = "",
    json: Json = False,
) -> None:
    """Make a token and print it: it is shown this once."""
    ready.database()
    from menting.users import guard, tokens

    try:
        made = tokens.make(
            guard.at_shell(), _user(owner), name=name, scopes=scope, days=days
        )
    except tokens.BadTokenError as error:
        out.fail(str(error))
    document = {
        "id": made.token.pk,
        "name": made.token.name,
        "token": made.plain,
        "scopes": made.token.scopes,
        "expires_at": made.token.expires_at,
    }
    out.emit(document, json=json, human=lambda: _show_made(made))


@app.command("list")
@out.command_errors()
def list_(json: Json = False) -> None:
    """List the tokens; none is shown again."""
    ready.database()
    from menting.users import tokens

    items = tokens.items()
    out.emit(
        out.page([asdict(item) for item in items], None),
        json=json,
        human=lambda: out.table(
            ("id", "name", "begins", "scopes", "for", "expires", "last used", "revoked"),
            [
                (
                    item.id,
                    item.name,
                    item.prefix,
                    " ".join(item.scopes),
                    item.owner,
                    f"{item.expires_at:%Y-%m-%d}",
                    item.last_used_at and f"{item.last_used_at:%Y-%m-%d %H:%M}",
                    item.revoked_at and f"{item.revoked_at:%Y-%m-%d %H:%M}",
                )
                for item in items
            ],
        ),
    )


@app.command()
@out.command_errors()
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID")], json: Json = False
) -> None:
    """End a token at once."""
    ready.database()
    from menting.users import guard, tokens

    try:
        tokens.revoke(guard.at_shell(), token_id)
    except tokens.NoSuchTokenError as error:
        out.fail(str(error))
    item = next(item for item in tokens.items() if item.id == token_id)
    out.emit(
        asdict(item),
        json=json,
        human=lambda: out.console.print(f"Token {item.name} is revoked."),
    )


def _user(email: str) -> "User":
    from menting.users.models import Role, User

    operators = User.objects.filter(is_active=True).exclude(role=Role.NONE)
    if email:
        found = operators.filter(email=email.lower()).first()
    else:
        found = operators.filter(role=Role.OWNER).order_by("pk").first()
    if found is None:
        out.fail(
            f"nobody works here as {email}"
            if email
            else "there is no owner yet: make one with `menting init`"
        )
    return found


def _show_made(made: "Made") -> None:
    until = f"{made.token.expires_at:%Y-%m-%d}"
    out.console.print(
        f"Token {made.token.name}, until {until}. It is shown this once:\n{made.plain}",
        soft_wrap=True,
        highlight=False,
    )
