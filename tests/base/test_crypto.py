"""Sealed values open only where they belong."""

from pathlib import Path

import pytest

from menting.base import crypto

KEY = bytes(range(32))


def test_a_sealed_value_opens_for_its_own_row_only() -> None:
    sealed = crypto.seal(KEY, b"hunter2", bound_to="account:1")
    assert crypto.unseal(KEY, sealed, bound_to="account:1") == b"hunter2"
    with pytest.raises(crypto.CannotOpenError):
        crypto.unseal(KEY, sealed, bound_to="account:2")


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_a_cut_value_does_not_open(cut: int) -> None:
    sealed = crypto.seal(KEY, b"hunter2", bound_to="account:1")
    with pytest.raises(crypto.CannotOpenError):
        crypto.unseal(KEY, sealed[:cut], bound_to="account:1")


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "vault.key"
    key = crypto.key_file(path)
    assert crypto.key_file(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33])
def test_a_bad_key_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vault.key"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"vault\.key"):
        crypto.key_file(path)


def test_a_chain_changes_with_any_entry_before() -> None:
    first = crypto.link_hash(bytes(32), {"a": 1})
    assert crypto.link_hash(first, {"b": 2}) != crypto.link_hash(bytes(32), {"b": 2})
