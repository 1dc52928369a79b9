"""The vault's key is changed: nothing is lost, whenever it stops and whoever writes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menting.accounts import rotation, state, vault
from menting.accounts.models import Account
from menting.base import config, crypto
from menting.base.folder import Folder
from menting.users import guard
from menting.users.models import AuditEntry
from tests.accounts import rosters

pytestmark = pytest.mark.django_db
OWNER = rosters.OWNER


@pytest.fixture(autouse=True)
def _own_keys() -> Iterator[None]:
    """Give each test the key it began with, for the tests after it."""
    folder = Folder(config.current().data)
    key = folder.key("vault")
    yield
    (folder.root / "keys" / "vault.key").write_text(key.hex())
    (folder.root / "keys" / "vault-next.key").unlink(missing_ok=True)
    for old in (folder.root / "keys").glob("vault-until-*.key"):
        old.unlink()


def _secrets() -> list[dict[str, str]]:
    return [vault.open(row) for row in Account.objects.order_by("pk")]


def _key() -> bytes:
    return Folder(config.current().data).key("vault", make=False)


def test_every_secret_opens_with_the_new_key_and_none_with_the_old(tmp_path: Path) -> None:
    rosters.stored(tmp_path, 3)
    before, old = _secrets(), _key()
    kept = rotation.rotate(OWNER)
    assert _secrets() == before
    assert _key() != old
    row = Account.objects.first()
    assert row is not None
    with pytest.raises(crypto.CannotOpenError):
        crypto.unseal(old, bytes(row.sealed), bound_to=f"account:{row.pk}")
    assert kept is not None
    assert crypto.key_file(kept, make=False) == old
    assert kept.stat().st_mode & 0o777 == 0o600
    assert AuditEntry.objects.filter(act="vault.rotate").count() == 1


def test_what_the_platform_handed_out_stays(tmp_path: Path) -> None:
    [row] = rosters.stored(tmp_path, 1)
    state.keep_secret(row.pk, {"token": "handed out"})
    rotation.rotate(OWNER)
    assert _secrets() == [{"password": "secret-00001", "token": "handed out"}]


class _StoppedError(Exception):
    """The command was stopped here."""


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(1, 4), max_size=4))
def test_it_may_be_stopped_anywhere_and_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: list[int]
) -> None:
    monkeypatch.setattr(rotation, "CHUNK", 1)
    Account.objects.all().delete()
    rosters.stored(tmp_path, 4)
    before = _secrets()
    for stop in stops:
        left = iter(range(stop - 1))

        def _stop(_: int, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise _StoppedError

        with pytest.raises(_StoppedError):
            rotation.rotate(OWNER, progress=_stop)
        assert _secrets() == before
        renewed = Account.objects.order_by("pk")[0]
        state.keep_secret(renewed.pk, {})  # a session writes meanwhile
    rotation.rotate(OWNER)
    assert _secrets() == before
    assert not (Folder(config.current().data).root / "keys" / "vault-next.key").exists()


def test_a_row_that_was_read_before_the_change_opens_after_it(tmp_path: Path) -> None:
    [row] = rosters.stored(tmp_path, 1)
    rotation.rotate(OWNER)
    assert vault.open(row) == {"password": "secret-00001"}


def test_a_key_of_the_environment_is_changed_by_naming_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = os.urandom(32).hex(), os.urandom(32).hex()
    monkeypatch.setenv("MENTING_VAULT_KEY", old)
    config.current.cache_clear()
    rosters.stored(tmp_path, 2)
    before = _secrets()
    monkeypatch.setenv("MENTING_VAULT_KEY", new)
    monkeypatch.setenv("MENTING_VAULT_KEY_OLD", old)
    config.current.cache_clear()
    assert rotation.rotate(OWNER) is None
    monkeypatch.delenv("MENTING_VAULT_KEY_OLD")
    config.current.cache_clear()
    try:
        assert _secrets() == before
    finally:
        monkeypatch.undo()
        config.current.cache_clear()


def test_a_secret_that_no_key_opens_stops_it_and_the_old_key_stays(tmp_path: Path) -> None:
    [row] = rosters.stored(tmp_path, 1)
    Account.objects.update(sealed=crypto.seal(bytes(32), b"{}", bound_to="account:0"))
    old = _key()
    with pytest.raises(crypto.CannotOpenError):
        rotation.rotate(OWNER)
    assert _key() == old
    row.refresh_from_db()
    assert row.sealed


def test_only_the_owner_changes_the_key() -> None:
    with pytest.raises(guard.NotAllowedError):
        rotation.rotate(rosters.VISITOR)
