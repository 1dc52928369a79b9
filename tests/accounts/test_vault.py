"""The vault: secrets in no file and no log in the clear, and bound to their row (I7)."""

import json
import os
from pathlib import Path

import pytest
from django.db import connection

from menting.accounts import roster, state, vault
from menting.accounts.models import Account
from menting.base import config, crypto
from menting.base.folder import Folder
from menting.users import guard
from tests.accounts import rosters

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def account(tmp_path: Path, transactional_db: None) -> Account:
    path = tmp_path / "roster.csv"
    path.write_text(rosters.HEADING + rosters.line(1, password=SECRET), "utf-8")
    roster.store(guard.at_shell(), roster.read(path))
    return Account.objects.get()


def test_a_secret_opens_for_its_own_row(account: Account) -> None:
    assert vault.open(account) == {"password": SECRET}


def test_a_sealed_secret_moved_to_another_row_does_not_open(account: Account) -> None:
    thief = Account.objects.create(
        channel="matrix",
        handle="@thief:localhost",
        since=account.since,
        sealed=account.sealed,
    )
    with pytest.raises(crypto.CannotOpenError):
        vault.open(thief)


@pytest.mark.sqlite("looks into the file")
def test_a_secret_is_in_no_file_of_the_folder_and_in_no_output(
    account: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    state.keep_secret(account.pk, {"token": "syt_renewed_token"})
    account.refresh_from_db()
    print(account, repr(account), account.__dict__)  # noqa: T201  # as a careless log would
    assert SECRET.encode() not in bytes(account.sealed)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = [path for path in config.current().data.rglob("*") if path.is_file()]
    held = {path.name: path.read_bytes() for path in files}
    assert len(held["test.db"]) > 100_000
    said = "".join(capfd.readouterr()).encode()
    for secret in (SECRET.encode(), b"syt_renewed_token"):
        assert secret not in said
        assert [name for name, content in held.items() if secret in content] == []


def test_the_key_file_is_readable_by_its_owner_alone(account: Account) -> None:
    key = config.current().data / "keys" / "vault.key"
    assert os.stat(key).st_mode & 0o777 == 0o600


def test_the_environment_may_hold_the_key(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTING_VAULT_KEY", "ab" * 32)
    config.current.cache_clear()
    try:
        with pytest.raises(crypto.CannotOpenError):
            vault.open(account)
        account.sealed = vault.seal(account, {"password": "other"})
        assert vault.open(account) == {"password": "other"}
        assert "ab" * 32 not in repr(config.current())
    finally:
        config.current.cache_clear()


def test_a_lost_key_is_named_and_no_second_one_is_made(account: Account) -> None:
    folder = Folder(config.current().data)
    key = folder.root / "keys" / "vault.key"
    kept = key.read_text()
    key.unlink()
    try:
        with pytest.raises(vault.KeyMissingError, match=r"vault\.key is missing"):
            vault.open(account)
        with pytest.raises(vault.KeyMissingError):
            vault.seal(account, {"password": "new"})
        assert not key.exists()
    finally:
        key.write_text(kept)


def test_what_the_platform_handed_out_is_kept_beside_the_given(
    account: Account,
) -> None:
    state.keep_secret(account.pk, {"password": SECRET, "token": "one", "device_id": "D"})
    state.keep_secret(account.pk, {"token": "two"})
    account.refresh_from_db()
    assert vault.open(account) == {"password": SECRET, "token": "two", "device_id": "D"}
    assert vault.opened(account)["given"] == {"password": SECRET}


def test_a_removed_account_gets_no_secret_back_from_its_session(
    account: Account,
) -> None:
    Account.objects.filter(pk=account.pk).update(removed_at=account.since, sealed=b"")
    state.keep_secret(account.pk, {"token": "late"})
    account.refresh_from_db()
    assert bytes(account.sealed) == b""


def test_the_same_secret_is_sealed_differently_each_time(account: Account) -> None:
    first, second = (vault.seal(account, {"password": SECRET}) for _ in range(2))
    assert first != second
    assert json.dumps(SECRET).encode() not in first
