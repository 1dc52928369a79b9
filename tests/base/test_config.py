"""Settings: where they come from, and what a bad one says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from menting.base import config


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MENTING_DATA", str(tmp_path))
    config.current.cache_clear()
    yield tmp_path
    config.current.cache_clear()


def test_the_file_gives_settings_and_the_environment_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "menting.toml").write_text(
        'port = 9000\npublic_url = "https://desk.example/"\n'
        '[smtp]\nhost = "mail"\nsender = "a@b"\n'
    )
    monkeypatch.setenv("MENTING_PORT", "9100")
    monkeypatch.setenv("MENTING_SMTP__PORT", "2525")
    settings = config.current()
    assert settings.port == 9100
    assert settings.public_url == "https://desk.example"
    assert settings.is_https
    assert settings.smtp is not None
    assert (settings.smtp.host, settings.smtp.port) == ("mail", 2525)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("port = 70000", "port"),
        ('public_url = "desk.example"', "public_url"),
        ('public_url = "https://desk.example/menting"', "public_url"),
        ('trusted_proxies = ["not an address"]', "trusted_proxies"),
        ("prot = 80", "prot"),
        ("port = ", "menting.toml"),
    ],
)
def test_a_bad_setting_is_named(folder: Path, text: str, named: str) -> None:
    (folder / "menting.toml").write_text(text)
    with pytest.raises(config.BadSettingsError, match=named):
        config.current()


def test_proxies_may_be_a_list_in_one_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder.exists()
    monkeypatch.setenv("MENTING_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert config.current().trusted_proxies == ("10.0.0.0/8", "::1")
