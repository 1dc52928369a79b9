"""`menting init`: make the folder and its owner, and print a one-time sign-in link."""

from typing import Annotated

import typer

from menting.base import config
from menting.cli import out, ready

#: Stands in until the first owner says who they are.
FIRST_OWNER = "owner@localhost"


@out.command_errors()
def init(
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="EMAIL", help="Make this owner.")
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Print a new sign-in link for the first owner.")
    ] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make the data folder; with --owner or --link print a link that signs in once."""
    if owner and link:
        raise typer.BadParameter("give --owner or --link, not both")
    if owner is not None and "@" not in owner:
        raise typer.BadParameter(f"{owner!r} is no e-mail address", param_hint="--owner")
    folder = ready.database(make=True)
    from menting.users.models import Role, User

    first = User.objects.filter(role=Role.OWNER, is_active=True).order_by("pk").first()
    email = owner or (first and first.email) or FIRST_OWNER
    address = owner_link(email)
    user = User.objects.get(email=email.lower())
    out.emit(
        {"id": user.pk, "email": user.email, "folder": str(folder.root), "link": address},
        json=json,
        human=lambda: out.console.print(
            f"Data folder: {folder.root}\nOwner: {user.email}\n"
            f"Sign in once, within a day, by this link:\n{address}",
            soft_wrap=True,
        ),
    )


def owner_link(email: str) -> str:
    """Return a new one-time link for the owner with this address, made if there is none."""
    from menting.users import guard, links

    actor = guard.at_shell()
    return config.current().public_url + links.make(
        actor, links.make_owner(actor, email=email)
    )
