"""A text of the owner's is published in a space, or edited there."""

from pathlib import PurePath

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext

from menting.base import clock, ids
from menting.spaces import markdown, space
from menting.spaces.models import Post, Space
from menting.users import audit, guard
from menting.users.guard import Actor

TITLE_LENGTH = 200
SLUG_LENGTH = 80
#: A long chapter of a novel, and below 1.5 s for the worst text found (tests).
TEXT_LENGTH = 100_000

#: Addresses of a space's own pages, which no post may take.
RESERVED = frozenset({"about", "archive", "feed", "guestbook", "me", "sign"})


class BadPostError(Exception):
    """A text cannot be published; the message says what to change."""


@transaction.atomic
def publish(actor: Actor, to: Space, text: str, *, file_name: str = "") -> Post:
    """Show a Markdown text in a space from now on.

    Its title is its first heading, else the file's name, else the day. Raises BadPostError.
    """
    guard.check(actor, "spaces.write")
    rendered = _rendered(text)
    stem = PurePath(file_name).stem
    now = clock.now()
    title = rendered.title or stem or now.date().isoformat()
    space.changed(to.pk)  # first: it locks the space, so that no two posts take one slug
    post = Post.objects.create(
        space=to,
        slug=_free_slug(to, stem or title),
        title=title[:TITLE_LENGTH],
        markdown=text,
        html=rendered.html,
        published_at=now,
    )
    audit.record(actor, "post.publish", target=f"post:{post.pk}", detail={"space": to.pk})
    return post


@transaction.atomic
def edit(actor: Actor, post: Post, text: str) -> Post:
    """Show another text at the same address; its title follows its first heading.

    Raises BadPostError.
    """
    guard.check(actor, "spaces.write")
    rendered = _rendered(text)
    post.markdown, post.html = text, rendered.html
    post.title = rendered.title[:TITLE_LENGTH] or post.title
    post.save(update_fields=["markdown", "html", "title"])
    space.changed(post.space_id)
    audit.record(actor, "post.edit", target=f"post:{post.pk}")
    return post


def _rendered(text: str) -> markdown.Rendered:
    if not text.strip():
        raise BadPostError(gettext("the text is empty"))
    if len(text) > TEXT_LENGTH:
        told = gettext("the text has %(count)d characters, at most %(most)d are possible")
        raise BadPostError(told % {"count": len(text), "most": TEXT_LENGTH})
    if "\0" in text:
        raise BadPostError(gettext("the text holds a NUL byte: it is no text file"))
    return markdown.render(text)


def _free_slug(to: Space, wish: str) -> str:
    slug = slugify(wish, allow_unicode=True)[: SLUG_LENGTH - 12].strip("-") or ids.code(8)
    taken = RESERVED.union(
        Post.objects.filter(space=to, slug__startswith=slug).values_list("slug", flat=True)
    )
    number = 1
    candidate = slug
    while candidate in taken:
        number += 1
        candidate = f"{slug}-{number}"
    return candidate
