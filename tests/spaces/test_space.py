"""Opening a space: what is refused, what stays for ever, and who may."""

import pytest

from menting.spaces import read, space
from menting.spaces.models import Space
from menting.users import guard
from menting.users.guard import Actor, NotAllowedError
from menting.users.models import AuditEntry, Role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "slug", ["", "-a", "a-", "Yard", "a b", "a/b", "槐", "a\n", "x" * 41, "../x"]
)
def test_a_slug_that_cannot_be_an_address_is_refused_with_the_rule(
    owner: Actor, slug: str
) -> None:
    with pytest.raises(space.BadSpaceError, match="small letters, figures and hyphens"):
        space.create(owner, slug=slug, name="Yard", time_zone="UTC")


def test_a_slug_is_taken_once(owner: Actor, yard: Space) -> None:
    with pytest.raises(space.BadSpaceError, match="already"):
        space.create(owner, slug="yard", name="Other", time_zone="UTC")


def test_a_zone_that_does_not_exist_is_refused(owner: Actor) -> None:
    with pytest.raises(space.BadSpaceError, match="Asia/Shanghai"):
        space.create(owner, slug="a", name="A", time_zone="Mars/Olympus")


def test_a_zone_stays_when_all_that_can_change_has_changed(
    owner: Actor, yard: Space
) -> None:
    space.describe(owner, yard, name="新名", about="")
    space.add_origin(owner, yard, "https://blog.example")
    yard.refresh_from_db()
    assert (yard.name, yard.time_zone) == ("新名", "Asia/Shanghai")


def test_who_has_no_role_opens_nothing(db: None) -> None:
    nobody = Actor(kind="user", name="7", role=Role.NONE)
    with pytest.raises(NotAllowedError):
        space.create(nobody, slug="a", name="A", time_zone="UTC")
    assert not Space.objects.exists()


def test_opening_is_in_the_audit_log(owner: Actor, yard: Space) -> None:
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.act, entry.target) == (
        str(guard.at_shell()),
        "space.create",
        f"space:{yard.pk}",
    )


@pytest.mark.parametrize(
    "origin",
    ["blog.example", "ftp://blog.example", "https://a@b", "https://b/path", "https://"],
)
def test_what_is_no_origin_is_refused(owner: Actor, yard: Space, origin: str) -> None:
    with pytest.raises(space.BadSpaceError, match="no origin"):
        space.add_origin(owner, yard, origin)


def test_the_door_is_told_of_own_origins_and_of_the_public_address(
    owner: Actor, yard: Space
) -> None:
    space.add_origin(owner, yard, "https://Blog.example/")
    (seen,) = read.snapshot()
    assert seen.slug == "yard"
    assert seen.id == yard.pk
    assert seen.origins == ("http://localhost:8080", "https://blog.example")
    assert seen.time_zone == "Asia/Shanghai"
