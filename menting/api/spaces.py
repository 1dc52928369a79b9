"""Spaces by the API: which there are."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from menting.api.call import ApiRequest
from menting.api.noun import Noun, Shape
from menting.spaces import read

noun = Noun(tags=["spaces"])


class Space(Shape):
    """A space of the house, with its counts."""

    id: int
    slug: str
    name: str
    time_zone: str
    address: str
    created_at: datetime
    posts: int
    entries: int
    pending: int


class SpacePage(Shape):
    """All spaces, the oldest first."""

    items: list[Space]
    next: str | None


@noun.reads("/spaces", scope="spaces:read", answer=SpacePage)
def list_spaces(request: ApiRequest) -> dict[str, Any]:
    """List the spaces with their posts, guestbook entries and what waits."""
    return {"items": [asdict(item) for item in read.spaces()], "next": None}
