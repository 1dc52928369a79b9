"""A space with its owner."""

from datetime import datetime, timedelta

import pytest

from menting.base import clock
from menting.spaces import guestbook, space
from menting.spaces.models import Space
from menting.users import guard
from menting.users.guard import Actor


@pytest.fixture
def owner() -> Actor:
    return guard.at_shell()


@pytest.fixture
def yard(db: None, owner: Actor) -> Space:
    return space.create(
        owner,
        slug="yard",
        name="槐下书局",
        time_zone="Asia/Shanghai",
        about="城南一棵老槐树下的书店。",
    )


def written(
    text: str = "周四晚上的蒲团还有吗？",
    *,
    name: str = "小禾",
    code: str = "",
    honeypot: str = "",
    opened_at: datetime | None = None,
) -> guestbook.Form:
    """Return a form that a person took a minute to fill in."""
    return guestbook.Form(
        name=name,
        text=text,
        code=code,
        honeypot=honeypot,
        opened_at=opened_at or clock.now() - timedelta(minutes=1),
    )
