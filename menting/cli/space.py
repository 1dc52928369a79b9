"""`menting space`: open a space, publish in it, and look after its guestbook."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from menting.base import config
from menting.cli import out, ready

if TYPE_CHECKING:
    from menting.spaces.models import GuestbookEntry, Post, Space

app = typer.Typer(no_args_is_help=True, help="Spaces of your own, and what stands in them.")

Json = Annotated[bool, typer.Option("--json")]
Slug = Annotated[str, typer.Argument(metavar="SLUG")]
Id = Annotated[int, typer.Argument(metavar="ID")]


@app.command()
@out.command_errors()
def create(
    slug: Slug,
    name: Annotated[str, typer.Option(help="Its name; else the slug.")] = "",
    about: Annotated[str, typer.Option(help="A sentence below the name.")] = "",
    time_zone: Annotated[
        str, typer.Option(help="Where its days begin, for ever; else the house's zone.")
    ] = "",
    origin: Annotated[
        str,
        typer.Option(help="A further site of yours to keep visits of."),
    ] = "",
    json: Json = False,
) -> None:
    """Open a space at /@SLUG."""
    ready.database()
    from menting.spaces import origins, space
    from menting.users import guard, house

    actor = guard.at_shell()
    try:
        site = space.check_origin(origin) if origin else ""
        if site:
            origins.prove(slug, site)
        made = space.create(
            actor,
            slug=slug,
            name=name or slug,
            about=about,
            time_zone=time_zone or str(house.zone()),
            language=house.get().language,
        )
        if site:
            space.add_origin(actor, made, site)
    except (space.BadSpaceError, origins.NotProvenError) as error:
        out.fail(str(error))
    _show(_space(made), json)


@app.command("origin")
@out.command_errors()
def add_origin(
    slug: Slug,
    url: Annotated[str, typer.Argument(metavar="ORIGIN")],
    json: Json = False,
) -> None:
    """Keep visits of a further site of yours, once a file there proves that it is."""
    found = _open(slug)
    from menting.spaces import origins, space
    from menting.users import guard

    try:
        site = space.check_origin(url)
        origins.prove(slug, site)
        space.add_origin(guard.at_shell(), found, site)
    except (space.BadSpaceError, origins.NotProvenError) as error:
        out.fail(str(error))
    _show(_space(found), json)


@app.command("list")
@out.command_errors()
def list_(json: Json = False) -> None:
    """List the spaces."""
    ready.database()
    from menting.spaces import read

    items = read.spaces()
    out.emit(
        out.page([asdict(item) for item in items], None),
        json=json,
        human=lambda: out.table(
            ("id", "slug", "name", "zone", "posts", "entries", "waiting"),
            [
                (i.id, i.slug, i.name, i.time_zone, i.posts, i.entries, i.pending)
                for i in items
            ],
        ),
    )


@app.command()
@out.command_errors()
def post(
    slug: Slug,
    file: Annotated[Path, typer.Argument(metavar="FILE.md")],
    edit: Annotated[
        str, typer.Option(metavar="POST", help="Change this post instead of a new one.")
    ] = "",
    json: Json = False,
) -> None:
    """Publish a Markdown file; its first heading is the title."""
    found = _open(slug)
    from menting.spaces import posts
    from menting.users import guard

    text = file.read_text(encoding="utf-8-sig")
    try:
        if edit:
            made = posts.edit(guard.at_shell(), _post_of(found, edit), text)
        else:
            made = posts.publish(guard.at_shell(), found, text, file_name=file.name)
    except posts.BadPostError as error:
        out.fail(f"{file}: {error}")
    _show(_post(made, found), json)


@app.command()
@out.command_errors()
def link(
    slug: Slug,
    url: Annotated[str, typer.Argument(metavar="URL")],
    label: Annotated[str, typer.Option(help="Where you will hang it.")] = "",
    json: Json = False,
) -> None:
    """Make a landing link that keeps the visit and goes on to URL."""
    found = _open(slug)
    from menting.spaces import links
    from menting.users import guard

    try:
        made = links.make(guard.at_shell(), found, url=url, label=label)
    except links.BadLinkError as error:
        out.fail(str(error))
    address = f"{config.current().public_url}/l/{made.code}"
    _show(
        {"id": made.pk, "space": slug, "code": made.code, "url": url, "address": address},
        json,
    )


@app.command()
@out.command_errors()
def invite(
    slug: Slug,
    note: Annotated[str, typer.Option(help="Whom you mean; only you see it.")] = "",
    json: Json = False,
) -> None:
    """Invite somebody to sign the guestbook without waiting."""
    found = _open(slug)
    from menting.spaces import guestbook, read
    from menting.users import guard

    made = guestbook.invite(guard.at_shell(), found, note)
    address = f"{read.address(found)}/sign?code={made.code}"
    _show({"id": made.pk, "space": slug, "code": made.code, "address": address}, json)


@app.command()
@out.command_errors()
def revoke(invitation: Id, json: Json = False) -> None:
    """Take an invitation back; what was written under it stays."""
    ready.database()
    from menting.spaces import guestbook
    from menting.users import guard

    try:
        guestbook.revoke(guard.at_shell(), invitation)
    except guestbook.NotInvitedError as error:
        out.fail(str(error))
    _show({"id": invitation, "revoked": True}, json)


@app.command()
@out.command_errors()
def entries(slug: Slug, json: Json = False) -> None:
    """List the guestbook entries that wait for your word."""
    found = _open(slug)
    from menting.spaces import read

    items = [_entry(entry) for entry in read.waiting(found)]
    out.emit(
        out.page(items, None),
        json=json,
        human=lambda: out.table(
            ("id", "at", "name", "text"),
            [(i["id"], i["at"], i["name"], i["text"]) for i in items],
        ),
    )


@app.command()
@out.command_errors()
def approve(entry: Id, json: Json = False) -> None:
    """Show a guestbook entry."""
    _decide(entry, json, approve=True)


@app.command()
@out.command_errors()
def refuse(entry: Id, json: Json = False) -> None:
    """Do not show a guestbook entry."""
    _decide(entry, json, approve=False)


def _decide(number: int, json: bool, *, approve: bool) -> None:
    ready.database()
    from menting.spaces import guestbook
    from menting.spaces.models import GuestbookEntry
    from menting.users import guard

    try:
        decided = guestbook.decide(guard.at_shell(), number, approve)
    except GuestbookEntry.DoesNotExist:
        out.fail(f"there is no guestbook entry {number}")
    _show(_entry(decided), json)


def _open(slug: str) -> "Space":
    ready.database()
    from menting.spaces.models import Space

    found = Space.objects.filter(slug=slug).first()
    if found is None:
        out.fail(f"there is no space {slug!r}: `menting space list` names them")
    return found


def _post_of(space: "Space", slug: str) -> "Post":
    found = space.posts.filter(slug=slug).first()
    if found is None:
        out.fail(f"there is no post {slug!r} in {space.slug}")
    return found


def _space(space: "Space") -> dict[str, Any]:
    from menting.spaces import read

    return {
        "id": space.pk,
        "slug": space.slug,
        "name": space.name,
        "time_zone": space.time_zone,
        "origins": space.origins,
        "address": read.address(space),
    }


def _post(post: "Post", space: "Space") -> dict[str, Any]:
    from menting.spaces import read

    return {
        "id": post.pk,
        "space": space.slug,
        "slug": post.slug,
        "title": post.title,
        "published_at": post.published_at,
        "address": f"{read.address(space)}/{post.slug}",
    }


def _entry(entry: "GuestbookEntry") -> dict[str, Any]:
    return {
        "id": entry.pk,
        "state": entry.state,
        "reason": entry.reason,
        "name": entry.name,
        "text": entry.text,
        "at": entry.at,
    }


def _show(thing: dict[str, Any], json: bool) -> None:
    def human() -> None:
        for name, value in thing.items():
            out.console.print(f"{name}: {value}", soft_wrap=True, markup=False)

    out.emit(thing, json=json, human=human)
