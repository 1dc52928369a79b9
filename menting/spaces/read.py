"""What is asked of spaces: their pages, what waits for the owner, the door's snapshot."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import ExtractYear

from menting.base import config
from menting.spaces.models import GuestbookEntry, Invitation, Link, Post, Space

POSTS_A_PAGE = 10
ENTRIES_ON_PAGE = 5
BOOK_ROWS = 50


@dataclass(frozen=True, slots=True)
class SpaceSeen:
    """A space as the visit door needs to know it."""

    slug: str
    id: int
    origins: tuple[str, ...]
    time_zone: str


@dataclass(frozen=True, slots=True)
class SpaceItem:
    """A line of the list of spaces."""

    id: int
    slug: str
    name: str
    time_zone: str
    address: str
    created_at: datetime
    posts: int
    entries: int
    pending: int


@dataclass(frozen=True, slots=True)
class Page:
    """What a space's first page shows; `older` leads to the posts before these."""

    posts: list[Post]
    older: int | None
    years: list[tuple[int, int]]
    entries: list[GuestbookEntry]
    entries_in_all: int


def snapshot() -> list[SpaceSeen]:
    """Return every space for the door: its own origins, and the public address of all."""
    ours = config.current().public_url
    return [
        SpaceSeen(slug=slug, id=pk, origins=(ours, *origins), time_zone=zone)
        for slug, pk, origins, zone in Space.objects.order_by("pk").values_list(
            "slug", "pk", "origins", "time_zone"
        )
    ]


def spaces() -> list[SpaceItem]:
    """Return every space with its counts, the oldest first."""
    rows = Space.objects.order_by("pk").annotate(
        n_posts=Count("posts", distinct=True),
        n_shown=Count("entries", filter=Q(entries__state="approved"), distinct=True),
        n_pending=Count("entries", filter=Q(entries__state="pending"), distinct=True),
    )
    return [
        SpaceItem(
            id=row.pk,
            slug=row.slug,
            name=row.name,
            time_zone=row.time_zone,
            address=address(row),
            created_at=row.created_at,
            posts=row.n_posts,
            entries=row.n_shown,
            pending=row.n_pending,
        )
        for row in rows
    ]


def address(space: Space) -> str:
    """Return where people reach a space."""
    return f"{config.current().public_url}/@{space.slug}"


def page(space: Space, *, year: int | None = None, before: int | None = None) -> Page:
    """Return what a space shows: posts (of a year, or before a post), and its guestbook."""
    posts = _posts(space, year, before)
    shown = entries(space)
    return Page(
        posts=posts[:POSTS_A_PAGE],
        older=posts[POSTS_A_PAGE - 1].pk if len(posts) > POSTS_A_PAGE else None,
        years=_years(space),
        entries=list(shown[:ENTRIES_ON_PAGE]),
        entries_in_all=shown.count(),
    )


def entries(space: Space, *, before: int | None = None) -> QuerySet[GuestbookEntry]:
    """Return the entries that everybody may see, the newest first."""
    rows = GuestbookEntry.objects.filter(space=space, state="approved").order_by(
        "-at", "-pk"
    )
    edge = rows.filter(pk=before).first() if before else None
    return rows.filter(Q(at__lt=edge.at) | Q(at=edge.at, pk__lt=edge.pk)) if edge else rows


def waiting(space: Space | None = None) -> QuerySet[GuestbookEntry]:
    """Return the entries that the owner has still to decide on, the oldest first."""
    rows = GuestbookEntry.objects.filter(state="pending").select_related("space")
    return (rows.filter(space=space) if space else rows).order_by("at", "pk")


def invitations(space: Space) -> QuerySet[Invitation]:
    """Return the invitations that stand, the newest first."""
    return Invitation.objects.filter(space=space, revoked_at=None).order_by("-pk")


def links(space: Space) -> QuerySet[Link]:
    """Return a space's landing links, the newest first."""
    return Link.objects.filter(space=space).order_by("-pk")


def _posts(space: Space, year: int | None, before: int | None) -> list[Post]:
    rows = Post.objects.filter(space=space).order_by("-published_at", "-pk")
    if year:
        zone = ZoneInfo(space.time_zone)
        rows = rows.filter(
            published_at__gte=datetime(year, 1, 1, tzinfo=zone),
            published_at__lt=datetime(year + 1, 1, 1, tzinfo=zone),
        )
    edge = Post.objects.filter(space=space, pk=before).first() if before else None
    if edge:
        at = edge.published_at
        rows = rows.filter(Q(published_at__lt=at) | Q(published_at=at, pk__lt=edge.pk))
    return list(rows[: POSTS_A_PAGE + 1])


def _years(space: Space) -> list[tuple[int, int]]:
    in_year = ExtractYear("published_at", tzinfo=ZoneInfo(space.time_zone))
    rows = Post.objects.filter(space=space).annotate(year=in_year)
    counted = rows.values("year").annotate(n=Count("pk")).order_by("-year")
    return list(counted.values_list("year", "n"))
