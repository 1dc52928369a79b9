"""A restored state is found at the next start, and nothing goes out from it."""

from pathlib import Path

import pytest

from menting.base.folder import Folder
from menting.server import epoch
from menting.users import guard, house
from menting.users.models import House, Role, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.prepare()
    return folder


def test_ordinary_starts_hold_nothing(folder: Folder) -> None:
    assert [epoch.begin(folder) for _ in range(3)] == [False, False, False]


def test_a_state_from_an_earlier_start_is_held(folder: Folder) -> None:
    epoch.begin(folder)
    old = house.get().epoch
    epoch.begin(folder)
    epoch.begin(folder)
    House.objects.update(epoch=old)
    assert epoch.begin(folder)
    assert house.get().held_since is not None
    assert not epoch.begin(folder)
    assert house.get().held_since is not None


@pytest.mark.sqlite("a state in PostgreSQL has many folders")
def test_a_state_in_a_new_folder_is_held(folder: Folder) -> None:
    epoch.begin(folder)
    folder.epoch.unlink()
    assert epoch.begin(folder)


def test_a_crash_between_file_and_state_holds_nothing(folder: Folder) -> None:
    epoch.begin(folder)
    before = house.get().epoch
    epoch.begin(folder)
    House.objects.update(epoch=before)  # the file was written, the state was not
    assert not epoch.begin(folder)


def test_only_an_owner_says_go_on(folder: Folder) -> None:
    house.hold()
    manager = User.objects.create_user("m@example.org", role=Role.MANAGER)
    with pytest.raises(guard.NotAllowedError):
        house.go_on(guard.of_user(manager))
    house.go_on(guard.SYSTEM)
    assert house.get().held_since is None
